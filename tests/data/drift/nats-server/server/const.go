package server

const (
	// VERSION is the version of this sample.
	VERSION = "9.9.9"
)
