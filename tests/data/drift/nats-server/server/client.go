package server

func (c *client) subsExceeded() {
	c.sendErrAndErr(ErrTooManySubs.Error())
}

func (c *client) denied(subject []byte) {
	errTxt := fmt.Sprintf("Permissions Violation for Publish to %q", subject)
	if mt := c.trace(); mt != nil {
		mt.setError(errTxt)
	}
	c.sendErr(errTxt)
	c.Errorf("Publish Violation - Subject %q", subject)
}

func (c *client) looped(name string, delay time.Duration) {
	c.sendErr(fmt.Sprintf("Loop detected for %q, delaying for %v", name, delay))
	c.sendErr(Stale.String())
	c.sendErr(fmt.Sprintf("%s %q", ErrMapping, name))
}
