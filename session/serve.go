package session

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"slices"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/steps"
)

// RoleViewer is who looks on: nothing that he types reaches the session.
const RoleViewer = "viewer"

const (
	// viewerPatience is how long one frame may take on its way to a viewer. A
	// stopped terminal is cut off after that; the session never waits for it.
	viewerPatience = 5 * time.Second
	// lastFrame is how long the end of a session waits for a viewer.
	lastFrame = time.Second
	// mostViewers bounds what lookers-on may cost the session.
	mostViewers = 8
)

// viewer is one screen that looks on.
type viewer struct {
	who  Person
	conn net.Conn
	end  func() // of its subscription
}

// Serve lets screens of other terminals look on, until the session is closed. who
// names the person at the other end of a connection. Nothing is read from a
// viewer: there is no way to act over this socket.
func (s *Session) Serve(l net.Listener, who func(net.Conn) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.listener != nil {
		_ = l.Close() // there is nobody to watch, or a listener already
		return
	}
	s.listener = l
	if s.viewers == nil {
		s.viewers = map[*viewer]struct{}{}
	}
	s.served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the listener was closed
			}
			_ = s.Show(c, who(c)) // a session that ends tells the viewer itself
		}
	})
}

// Show lets one more screen look on, through a connection that is there already.
func (s *Session) Show(c net.Conn, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.Join(ErrClosed, c.Close())
	}
	if s.viewers == nil {
		s.viewers = map[*viewer]struct{}{}
	}
	s.served.Go(func() { s.show(c, name) })
	return nil
}

// show streams snapshots to one viewer, as lines of JSON, until either side ends.
func (s *Session) show(c net.Conn, name string) {
	v := &viewer{who: Person{Name: name, Role: RoleViewer}, conn: c}
	frames, err := s.join(v)
	if err != nil {
		_ = c.SetWriteDeadline(time.Now().Add(viewerPatience)) // the network's own clock
		_ = json.NewEncoder(c).Encode(frame{Error: err.Error()})
		_ = c.Close()
		return
	}
	gone := make(chan struct{})
	s.served.Go(func() { // nothing a viewer sends means anything; the end of it does
		defer close(gone)
		buf := make([]byte, 512)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	})
	why := "session ended"
	enc := json.NewEncoder(c)
stream:
	for {
		select {
		case snap, ok := <-frames:
			if !ok {
				break stream
			}
			_ = c.SetWriteDeadline(time.Now().Add(viewerPatience))
			if err := enc.Encode(frame{Snapshot: toWire(snap)}); err != nil {
				why = "closed"
				if errors.Is(err, os.ErrDeadlineExceeded) {
					why = "terminal does not take what it is sent"
				}
				break stream
			}
		case <-gone:
			why = "closed"
			break stream
		}
	}
	_ = c.Close() // both directions: it is over either way
	<-gone
	s.leave(v, why)
}

// join writes that somebody looks on, and subscribes. A person whom the record
// does not know is bound to the role first.
func (s *Session) join(v *viewer) (<-chan Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || s.leaving != "" || s.state.Result != "":
		return nil, ErrClosed
	case len(s.viewers) >= mostViewers:
		return nil, errors.New("too many screens look on already")
	}
	var evs []steps.Event
	if !slices.Contains(s.state.People, v.who.Name) && !s.lookers[v.who.Name] {
		evs = append(evs, steps.Event{Meta: audit.Meta{By: audit.System}, Body: entries.IdentityBound{How: "local-login", Name: v.who.Name, Person: v.who.Name, Role: RoleViewer}})
	}
	evs = append(evs, steps.Event{Meta: audit.Meta{By: v.who.Name}, Body: entries.ViewJoined{Person: v.who.Name, Role: RoleViewer, Via: "socket"}})
	if _, err := s.commit(evs...); err != nil && s.log.Fault() == nil {
		return nil, err // a record that failed is no reason to hide the screen
	}
	s.lookers[v.who.Name] = true
	ch := make(chan Snapshot, 1)
	s.subs[ch] = struct{}{}
	ch <- s.snapshot()
	v.end = func() { // s.mu is held
		if _, ok := s.subs[ch]; ok {
			delete(s.subs, ch)
			close(ch)
		}
	}
	s.viewers[v] = struct{}{}
	return ch, nil
}

func (s *Session) leave(v *viewer, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left(v, why)
}

// left writes that a viewer is gone, once. s.mu is held.
func (s *Session) left(v *viewer, why string) {
	if _, there := s.viewers[v]; !there {
		return
	}
	delete(s.viewers, v)
	v.end()
	if s.state.Result != "" {
		return // the record is closed
	}
	// A record that failed has said so already; looking on changes nothing.
	_, _ = s.commit(steps.Event{Meta: audit.Meta{By: v.who.Name}, Body: entries.ViewLeft{Person: v.who.Name, Role: RoleViewer, Via: "socket", Why: why}})
}

// unserve ends all viewers, on record, before the segment ends. s.mu is held; it
// waits for nobody.
func (s *Session) unserve() {
	if s.listener != nil {
		_ = s.listener.Close() // nobody else may join
	}
	for v := range s.viewers {
		_ = v.conn.SetWriteDeadline(time.Now().Add(lastFrame)) // one that takes nothing holds up nobody
		s.left(v, "session ended")
	}
}
