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

// Start starts a pooler again that was stopped, on the same port and with its
// settings file as it stands now.
func (b *PgBouncer) Start(ctx context.Context) error {
	proc, err := b.again()
	if err != nil {
		return err
	}
	b.proc = proc
	return proc.ready(ctx, func(ctx context.Context) error { return b.Admin(ctx, "SHOW VERSION") })
}
