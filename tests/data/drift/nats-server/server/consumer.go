package server

func (o *consumer) gone() {
	hdr := []byte("NATS/1.0 409 Consumer Deleted\r\n\r\n")
	sendErr(409, fmt.Sprintf("Exceeded MaxRequestBatch of %d", o.cfg.MaxRequestBatch))
}
