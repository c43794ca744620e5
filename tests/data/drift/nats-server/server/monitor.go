package server

func (reason ClosedState) String() string {
	switch reason {
	case Stale:
		return "Stale Connection"
	case Kicked:
		return "Kicked"
	}
	return "Unknown State"
}
