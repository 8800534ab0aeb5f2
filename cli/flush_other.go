//go:build !linux

package cli

// flusher is nil: elsewhere the time at which a line was complete is the only
// guard against input that was typed ahead.
func flusher(any) func() { return nil }
