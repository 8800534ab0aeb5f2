package lab

import "context"

// Restart ends the server with a fast shutdown and starts it again on its data,
// with what ALTER SYSTEM has set since. The port may be another afterwards.
func (p *Postgres) Restart(ctx context.Context) error {
	as, err := serverOwner()
	if err != nil {
		return err
	}
	if err := p.Stop(); err != nil {
		return err
	}
	return p.start(ctx, as, "PostgreSQL restarted")
}
