package server

import "errors"

var (
	ErrTooManySubs = errors.New("maximum subscriptions exceeded")
	ErrMapping     = errors.New("bad mapping")
	ErrMappingArg  = fmt.Errorf("%w: too few arguments", ErrMapping)
)
