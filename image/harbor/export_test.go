package harbor

// BaseOf is where a client asks.
func BaseOf(c *Client) string { return c.base.String() }
