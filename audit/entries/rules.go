package entries

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/audit"
)

// Expected is what an auditor holds beside the record. Nothing in it is believed
// from the record.
type Expected struct {
	// RunbookSHA256 is the digest of the runbook; empty: none is at hand.
	RunbookSHA256 string
	// Steps are what the runbook asks for; nil: not compared.
	Steps []StepPolicy
}

// Verify checks the record in dir against the format, this table of types and
// the rules of the procedure.
func Verify(dir string, o audit.VerifyOptions) audit.Report {
	return VerifyAgainst(dir, o, Expected{})
}

// VerifyAgainst is Verify with what the record itself is to be compared with.
func VerifyAgainst(dir string, o audit.VerifyOptions, want Expected) audit.Report {
	return audit.Verify(dir, with(o, want))
}

// VerifyFS is Verify for a record that lies elsewhere than in a folder.
func VerifyFS(dir fs.FS, o audit.VerifyOptions) audit.Report {
	return audit.VerifyFS(dir, with(o, Expected{}))
}

func with(o audit.VerifyOptions, want Expected) audit.VerifyOptions {
	o.Types = Types()
	o.Judge = func() audit.Judge { return NewRules(o, want) }
	return o
}

// rules holds what the procedure needs to remember from line to line. All of it
// is keyed by seq, because answers name the line they answer.
type rules struct {
	o    audit.VerifyOptions
	want Expected

	origin, sid string
	runbook     string
	author      string
	change      string // ticket, "-" without one
	operator    string
	endorsed    bool
	opKeys      []string // fingerprints
	resumedBy   string   // somebody else, who has to take over by a handover
	bound       map[string]bool
	leaves      map[int64]string // of the lines that signed texts name
	withheld    map[int64]bool

	policy   map[string]StepPolicy
	plans    map[int64]plan
	intents  map[int64]*intent
	stmts    map[int64]bool // stmt.begin seq: ended
	checks   map[int64]check
	over     map[int64]bool // check.result seq: overridden
	requests map[int64]request
	grants   map[int64]*grant
	waived   map[int64]*waiver
	came     map[int64]int64 // what became of an intent: its seq
	changed  map[string]int64
	doubt    map[string]int64 // step: attempt that is open or unclear
	ran      map[ran]bool     // plans that an intent stands for
	standby  bool             // a standby's key opened this segment
	taken    int64            // entries that an anchor has taken, by the receipts so far
	rehearse bool             // nobody has to be asked
	found    []audit.Finding
}

// NewRules gives a fresh judge for one pass over a record.
func NewRules(o audit.VerifyOptions, want Expected) audit.Judge {
	return &rules{
		o: o, want: want, bound: map[string]bool{}, leaves: map[int64]string{}, withheld: map[int64]bool{},
		policy: map[string]StepPolicy{}, plans: map[int64]plan{}, intents: map[int64]*intent{}, stmts: map[int64]bool{},
		checks: map[int64]check{}, over: map[int64]bool{}, requests: map[int64]request{}, grants: map[int64]*grant{},
		waived: map[int64]*waiver{}, came: map[int64]int64{}, changed: map[string]int64{}, doubt: map[string]int64{}, ran: map[ran]bool{},
	}
}

type check struct {
	name string
	is   string
	pass bool
	fast bool // of a preflight, and nobody may override it
}

func (r *rules) find(sev audit.Severity, code, format string, args ...any) {
	r.found = append(r.found, audit.Finding{Sev: sev, Code: code, Msg: fmt.Sprintf(format, args...)})
}

// Line gives what is wrong with e, seen from the lines before it.
func (r *rules) Line(e audit.Entry, b audit.Body, sealed int64) []audit.Finding {
	r.found = nil
	r.person(e, b)
	r.standIn(e, b)
	switch b := b.(type) {
	case audit.Withheld:
		r.withheld[e.Seq] = true
	case SessionOpen:
		r.origin, r.sid, r.rehearse = b.Origin, e.Sid, b.Mode == "rehearsal"
		if r.change = b.Change.Ticket; r.change == "" {
			r.change = "-"
		}
	case RunbookLoaded:
		r.loaded(b)
	case PolicySet:
		r.policySet(b)
	case TargetChanged:
		r.changed[e.Target] = e.Seq
	case AnchorReceipt:
		if b.Kind != audit.AnchorEvidence { // copies of evidence vouch for no entry
			r.taken = max(r.taken, b.Size)
		}
	case CheckResult:
		r.checks[e.Seq] = check{name: b.Check, is: b.Is, pass: e.OK != nil && *e.OK, fast: b.Kind == KindPreflight && b.Waive != WaiveSecond}
	case CheckOverride:
		r.override(e, b)
	case StepPlan:
		r.plan(e, b)
	case StepIntent:
		r.intent(e, b)
	case StmtBegin:
		r.begin(e, b, sealed)
	case StmtEnd:
		r.stmtEnd(e)
	case StepOutcome:
		r.outcome(e)
	case StepReconciled:
		r.reconciled(e, b)
	case StepSkipped:
		r.skipped(e, b)
	default:
		r.approvals(e, b)
	}
	r.reason(b)
	return r.found
}

// End gives what is still owed when everything has been read.
func (r *rules) End(after []audit.AfterText) []audit.Finding {
	r.found = nil
	for _, t := range after {
		if t.Statement.Kind == audit.LateApproval {
			r.lateText(t)
		}
	}
	r.owed()
	return r.found
}

// reason checks the acts that only a reason can justify.
func (r *rules) reason(b audit.Body) {
	missing := false
	switch b := b.(type) {
	case CheckOverride:
		missing = b.Reason == ""
	case StepSkipped:
		missing = b.Reason == ""
	case SessionAbort:
		missing = b.Reason == ""
	case SessionHandover:
		missing = b.Reason == ""
	case ApprovalWaived:
		missing = b.Reason == ""
	case ApprovalDenied:
		missing = b.Reason == ""
	case RollbackBegin:
		missing = b.Reason == ""
	case Deviation:
		missing = b.Reason == ""
	}
	if missing {
		r.find(audit.Rule, "R41-no-reason", "%s without a reason", b.Type())
	}
}

func (r *rules) loaded(b RunbookLoaded) {
	if r.runbook != "" && r.runbook != b.SHA256 {
		r.find(audit.Rule, "R32-runbook", "runbook changed inside the session (%.12s… → %.12s…)", r.runbook, b.SHA256)
	}
	if want := r.want.RunbookSHA256; want != "" && want != b.SHA256 {
		r.find(audit.Rule, "R32-runbook", "the runbook of this session is %.12s…, the one given is %.12s…", b.SHA256, want)
	}
	r.runbook, r.author = b.SHA256, b.Author
}

// operatorActs are the lines that only the operator writes. Lines of people who
// watch, approve or answer are not among them.
func operatorActs(b audit.Body) bool {
	switch b.(type) {
	case SessionAbort, SessionClose, SessionStandby, HoldBegin, HoldEnd, RunbookLoaded, ParamSet, CheckOverride, ApprovalWaived,
		StepConfirm, StepInterrupt, StepIntent, StmtBegin, StmtEnd, StepOutcome, StepReconciled, StepSkipped,
		RollbackBegin, RollbackEnd, Deviation:
		return true
	}
	return false
}

// person checks that whoever acts here may do so: the operator of the moment, or
// somebody who was bound to a role.
func (r *rules) person(e audit.Entry, b audit.Body) {
	switch b := b.(type) {
	case audit.Withheld:
		return
	case SessionOpen:
		r.operator, r.endorsed = e.By, b.Endorsement != ""
		r.key(b.Key)
		return
	case SessionResume:
		r.resumedBy = ""
		if e.By != r.operator {
			r.resumedBy = e.By
		}
		r.key(b.Key)
		return
	case SessionHandover:
		r.handover(e, b)
		return
	case IdentityBound:
		r.bound[b.Person] = true
		return
	case ViewJoined, ViewLeft, ViewDetail, CommandDenied, ExportCreated:
		return // whoever only looks, or is refused, acts on nothing
	}
	if operatorActs(b) && e.By != r.operator {
		r.find(audit.Rule, "R45-handover", "operator changes from %s to %s without session.handover", r.operator, e.By)
		r.operator = e.By // said once
		return
	}
	if e.By != audit.System && e.By != r.operator && e.By != r.resumedBy && !r.bound[e.By] {
		r.find(audit.Rule, "R46-unbound", "%s acts here but was never bound by identity.bound", e.By)
		r.bound[e.By] = true
	}
}

func (r *rules) key(k *Key) {
	if k != nil && !slices.Contains(r.opKeys, k.FP) {
		r.opKeys = append(r.opKeys, k.FP)
	}
}

func (r *rules) handover(e audit.Entry, b SessionHandover) {
	if b.From != r.operator || b.To != e.By {
		r.find(audit.Rule, "R45-handover", "session.handover is from %s to %s, the operator is %s and the entry by %s", b.From, b.To, r.operator, e.By)
	}
	r.key(b.Key)
	if b.Consent != "" || b.ConsentSignature != "" {
		s, fs := r.o.CheckSigned(audit.HandoverConsent, b.Consent, b.ConsentSignature, b.From, e.Time)
		r.found = append(r.found, fs...)
		if v := s.Statement.Values; !tampered(fs) && (v["origin"] != r.origin || v["session"] != r.sid || v["to"] != b.To) {
			r.find(audit.Tampered, "E30-scope", "%s was given for another session, request or runbook", audit.HandoverConsent)
		}
	} else if r.resumedBy == "" {
		r.find(audit.Rule, "R45-handover", "%s did not agree to hand over to %s", b.From, b.To)
	}
	r.operator, r.resumedBy = e.By, ""
}

func deref(p *int64) int64 {
	if p == nil {
		return -1
	}
	return *p
}

// line is how signed texts name a line: "<seq> <leaf>".
func (r *rules) line(seq int64) string {
	leaf, ok := r.leaves[seq]
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d %s", seq, leaf)
}

func seqOf(line string) int64 {
	var seq int64
	if _, err := fmt.Sscanf(strings.SplitN(line, " ", 2)[0], "%d", &seq); err != nil {
		return -1
	}
	return seq
}
