package report

import (
	_ "embed" // the table of controls
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/turquoise-db/turquoise/audit/entries"
)

//go:embed controls.yaml
var controlsYAML []byte

// States of a claim. A report never says compliant: that is a person's word.
const (
	Met         = "MET"
	MetIf       = "MET IF"
	YourProcess = "YOUR PROCESS"
	NotShown    = "NOT SHOWN"
)

// Control is one thing a framework asks for and what this record shows of it.
type Control struct {
	ID    string `yaml:"id" json:"id"`
	Asks  string `yaml:"asks" json:"asks"`
	Rule  string `yaml:"rule" json:"-"`
	State string `yaml:"-" json:"state"`
	Text  string `yaml:"-" json:"text"`
}

// Controls answers the whole table from the record.
func (n *Night) Controls() ([]Control, error) {
	var table []Control
	if err := yaml.UnmarshalWithOptions(controlsYAML, &table, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read table of controls: %w", err)
	}
	rules := n.rules()
	for i, c := range table {
		rule, ok := rules[c.Rule]
		if !ok {
			return nil, fmt.Errorf("read table of controls: %s: no rule %q", c.ID, c.Rule)
		}
		table[i].State, table[i].Text = rule()
	}
	return table, nil
}

func (n *Night) rules() map[string]func() (state, text string) {
	return map[string]func() (string, string){
		"statements": n.ruleStatements, "access": n.ruleAccess, "changes": n.ruleChanges, "lifecycle": n.ruleLifecycle,
		"fields": n.ruleFields, "process": func() (string, string) { return YourProcess, "not a matter of this record" },
		"integrity": n.ruleIntegrity, "copy": n.ruleCopy, "retention": n.ruleRetention, "clocks": n.ruleClocks,
		"faults": n.ruleFaults, "minimal": n.ruleMinimal, "times": n.ruleTimes, "signatures": n.ruleSignatures,
		"approvals": n.ruleApprovals, "order": n.ruleOrder, "complete": n.ruleComplete, "waivers": n.ruleWaivers, "fallback": n.ruleFallback,
	}
}

// seqs lists the entries of some types, the first few by number.
func (n *Night) seqs(types ...string) (int, string) {
	var found []string
	total := 0
	for _, l := range n.Entries {
		if !slices.Contains(types, l.Type) {
			continue
		}
		total++
		if len(found) < 8 {
			found = append(found, num(l.Seq))
		}
	}
	text := strings.Join(found, ", ")
	if total > len(found) {
		text += ", …"
	}
	return total, text
}

func (n *Night) has(what string, types ...string) (string, string) {
	if total, at := n.seqs(types...); total > 0 {
		return Met, fmt.Sprintf("%d %s (entries %s)", total, what, at)
	}
	return NotShown, "no " + what + " in this record"
}

func (n *Night) ruleStatements() (string, string) {
	return n.has("statements with their answers", "stmt.begin")
}

func (n *Night) ruleAccess() (string, string) {
	return n.has("exports and views; access outside the tool is your process", "export.created", "view.joined", "view.detail")
}

func (n *Night) ruleChanges() (string, string) {
	total, at := 0, []string{}
	for _, l := range n.Entries {
		b, ok := l.Body.(entries.StmtBegin)
		if !ok {
			continue
		}
		word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(b.Text)), " ")
		if slices.Contains([]string{"CREATE", "ALTER", "DROP", "GRANT", "REVOKE"}, word) {
			total++
			if len(at) < 8 {
				at = append(at, num(l.Seq))
			}
		}
	}
	if total == 0 {
		return NotShown, "no such statement in this record"
	}
	return Met, fmt.Sprintf("%d statements of these kinds (entries %s)", total, strings.Join(at, ", "))
}

func (n *Night) ruleLifecycle() (string, string) {
	return n.has("entries on begin, pause, resumption and end", "session.open", "session.suspend", "session.resume", "session.close")
}

func (n *Night) ruleFields() (string, string) {
	whole := 0
	for _, l := range n.Entries {
		if l.By != "" && l.From != "" && l.Type != "" && !l.Time.IsZero() {
			whole++
		}
	}
	if whole < len(n.Entries) {
		return NotShown, fmt.Sprintf("%d of %d entries", whole, len(n.Entries))
	}
	return Met, fmt.Sprintf("%d of %d entries carry by, type, ts, ok, from and target", whole, len(n.Entries))
}

// met reports whether verify found an assurance level, named by its first word.
func (n *Night) met(level string) (bool, string) {
	for _, l := range n.Verified.Levels {
		if strings.HasPrefix(l.Name, level+" ") {
			return l.Met, l.Text
		}
	}
	return false, "not checked"
}

func (n *Night) ruleIntegrity() (string, string) {
	if ok, text := n.met("L3"); ok {
		return Met, text
	}
	if ok, text := n.met("L1"); ok {
		return NotShown, "sealed with the operator's own key only: " + text
	}
	_, text := n.met("L1")
	return NotShown, text
}

func (n *Night) ruleCopy() (string, string) {
	if ok, text := n.met("L4"); ok {
		return MetIf, text
	}
	for _, l := range n.Entries {
		if b, ok := l.Body.(entries.AnchorReceipt); ok && b.Kind == "s3" {
			return MetIf, "copied to " + b.Name + " (entry " + num(l.Seq) + "); check the bucket's account and retention"
		}
	}
	return NotShown, "no copy was made by the cockpit"
}

func (n *Night) ruleRetention() (string, string) {
	for _, l := range n.Entries {
		if b, ok := l.Body.(entries.AnchorReceipt); ok && b.Kind == "s3" && b.Detail["retain_until"] != "" {
			return MetIf, "locked until " + b.Detail["retain_until"] + " (entry " + num(l.Seq) + ")"
		}
	}
	return NotShown, "no retention is recorded"
}

func (n *Night) ruleClocks() (string, string) {
	for _, l := range n.Entries {
		if b, ok := l.Body.(entries.ClockState); ok && l.OK != nil && *l.OK {
			return MetIf, fmt.Sprintf("synchronised, estimated error %d µs (entry %d)", b.EstErrorUS, l.Seq)
		}
	}
	return NotShown, "the state of the clock is not recorded or not synchronised"
}

func (n *Night) ruleFaults() (string, string) {
	if total, at := n.seqs("log.fault"); total > 0 {
		return Met, fmt.Sprintf("%d faults, each with cause and time (entries %s)", total, at)
	}
	return Met, "no statement is sent when the log cannot be written; faults: none"
}

func (n *Night) ruleMinimal() (string, string) {
	masked := 0
	for _, l := range n.Entries {
		if b, ok := l.Body.(entries.StmtEnd); ok && b.Error != nil && b.Error.Masked {
			masked++
		}
	}
	detail, _ := n.seqs("view.detail")
	return Met, fmt.Sprintf("no row values are written; %d error texts masked, %d times raw values were on a screen", masked, detail)
}

func (n *Night) ruleTimes() (string, string) {
	return Met, fmt.Sprintf("%d entries in one order, UTC with microseconds; the record is JSON Lines; CSV, JSON and OCSF exports", len(n.Entries))
}

func (n *Night) ruleSignatures() (string, string) {
	if n.Open.Signature == "" {
		return NotShown, "no operator's key endorsed this session"
	}
	if ok, text := n.met("L1"); ok {
		return Met, text
	}
	return MetIf, "endorsed by " + keyText(n.Open.Key) + "; valid if that key is allowed"
}

func (n *Night) ruleApprovals() (string, string) {
	total, at := n.seqs("approval.granted")
	if total == 0 {
		return NotShown, n.fourEyes()
	}
	if strings.HasPrefix(n.fourEyes(), "NOT KEPT") {
		return NotShown, n.fourEyes()
	}
	return Met, fmt.Sprintf("%d signed approvals before their steps (entries %s); %s", total, at, n.fourEyes())
}

func (n *Night) ruleOrder() (string, string) {
	return n.has("sealed intents, each after its plan, gates and confirmation", "step.intent")
}

func (n *Night) ruleComplete() (string, string) {
	return MetIf, "turquoise reconcile, with the servers' own logs, finds no statement of these logins off the record"
}

func (n *Night) ruleWaivers() (string, string) {
	total, at := n.seqs("approval.waived")
	if total == 0 {
		return Met, "no approval was waived"
	}
	if owed := len(n.owed()); owed > 0 {
		return NotShown, fmt.Sprintf("%d waived (entries %s), %d still owed", total, at, owed)
	}
	if n.Verified.Verdict == "" {
		return NotShown, fmt.Sprintf("%d waived (entries %s); the record was not verified", total, at)
	}
	return Met, fmt.Sprintf("%d waived (entries %s), none owed", total, at)
}

func (n *Night) ruleFallback() (string, string) {
	with := 0
	for _, s := range n.Steps {
		for _, a := range s.Attempts {
			if strings.Contains(a.Plan, "\nundo: ") && !strings.Contains(a.Plan, "\nundo: -\n") {
				with++
				break
			}
		}
	}
	if state, text := n.ruleApprovals(); state != Met {
		return NotShown, fmt.Sprintf("%d of %d plans name their way back; independent approval: %s", with, len(n.Steps), text)
	}
	return Met, fmt.Sprintf("%d of %d plans name their way back; %s", with, len(n.Steps), n.fourEyes())
}
