package harbor

import "context"

// EnableRobot lets a robot that was disabled log in again, with the secret it had.
func (c *Client) EnableRobot(ctx context.Context, id int64) error {
	var r Robot
	if err := c.get(ctx, robotPath(id), nil, &r); err != nil {
		return err
	}
	r.Disabled = false
	return c.put(ctx, robotPath(id), r)
}
