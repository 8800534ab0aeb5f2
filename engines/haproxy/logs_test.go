package haproxy

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestWhatHAProxyLogsOfItsSocket: no command, only some of what becomes of a server.
// That is why a reconciliation reads no log of HAProxy, and says which acts leave
// nothing.
func TestWhatHAProxyLogsOfItsSocket(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r := newRouter(t, newHalf(t, "blue"), newHalf(t, "green"), fmt.Sprintf("  log %[1]s local0 debug\nglobal\n  log %[1]s local0 debug\n", l.LocalAddr()))
	ask := func(command string) {
		t.Helper()
		c, err := net.Dial("unix", r.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := io.WriteString(c, command+"\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(c); err != nil {
			t.Fatal(err)
		}
	}
	lines := func(command string, last string) []string {
		t.Helper()
		ask(command)
		var got []string
		buf := make([]byte, 64<<10)
		if err := l.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		ask(last)
		for !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "be/spare") }) {
			n, _, err := l.ReadFrom(buf)
			if err != nil {
				t.Fatalf("%s: %v; so far %q", command, err, got)
			}
			got = append(got, string(buf[:n]))
		}
		return got[:len(got)-1]
	}
	for i, c := range []struct{ command, leaves string }{
		{"set server be/green state ready", "Server be/green is UP/READY"},
		{"set server be/green state drain", "Server be/green enters drain state"},
		{"set server be/green state maint", "Server be/green is going DOWN for maintenance"},
		{"set server be/blue weight 50%", ""},
		{"set server be/blue addr 127.0.0.9 port 9", ""},
		{"show stat", ""},
		{"shutdown sessions server be/blue", ""},
	} {
		got := lines(c.command, "set server be/spare state "+[]string{"ready", "maint"}[i%2])
		all := strings.Join(slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, "has no server available") }), "")
		if (c.leaves == "") != (all == "") || !strings.Contains(all, c.leaves) {
			t.Errorf("%s leaves %q, want %q", c.command, all, c.leaves)
		}
		if strings.Contains(all, "set server") || strings.Contains(all, "show stat") {
			t.Errorf("the command itself is logged: %q", all)
		}
	}
}
