package server

func (s *Server) stale(c *client) {
	c.sendErrAndDebug("Stale Connection")
	s.Warnf("JetStream %s resource limits exceeded for server", what)
}
