package session

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/engines"
)

// lineText is one line of the record in words.
func lineText(e audit.Entry) string {
	var b map[string]any
	if json.Unmarshal(e.Body, &b) != nil {
		return e.Type
	}
	str := func(k string) string { v, _ := b[k].(string); return v }
	switch e.Type {
	case "step.confirm":
		return fmt.Sprintf("CONFIRMED typed %q", str("typed"))
	case "step.plan":
		return "plan " + short(str("title"))
	case "stmt.begin":
		return fmt.Sprintf("send %v to %s: %s", b["i"], e.Target, short(firstLine(str("text"))))
	case "stmt.end":
		return "answered: " + str("outcome") + suffix(str("why"))
	case "step.outcome":
		return "outcome " + str("outcome") + suffix(str("why"))
	case "check.result":
		ok := "unknown"
		if e.OK != nil {
			ok = map[bool]string{true: "pass", false: "FAIL"}[*e.OK]
		}
		return fmt.Sprintf("%s %s: %s", str("kind"), short(str("check")), ok)
	case "command.denied":
		return short(str("why"))
	case "var.captured":
		return str("name") + " captured"
	case "clock.state":
		return "clocks of this machine and of the servers"
	case "gauge.sample":
		return "sample of the gauges"
	case "seal":
		return "sealed: signed up to here"
	case "key.next":
		return "key of the next seal"
	case "target.bound":
		at := engines.Identity{Host: str("host")}
		if n, ok := b["port"].(float64); ok {
			at.Port = int(n)
		}
		return fmt.Sprintf("%s is %s %s at %s, as %s", e.Target, str("engine"), str("version"), at.Place(), str("login"))
	case "runbook.loaded":
		return fmt.Sprintf("runbook %s, digest %.8s", str("name"), str("sha256"))
	case "param.set":
		return "parameter " + str("name")
	case "step.intent":
		return "intent on disk, before the first byte"
	case "step.reconciled":
		return short("decided: " + str("verdict") + suffix(str("reason")))
	}
	for _, k := range []string{"reason", "text", "what", "verdict", "name"} {
		if v := str(k); v != "" {
			return e.Type + ": " + short(v)
		}
	}
	return e.Type
}

func suffix(s string) string {
	if s == "" {
		return ""
	}
	return ": " + short(s)
}

func firstLine(s string) string {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return s[:i]
	}
	return s
}
