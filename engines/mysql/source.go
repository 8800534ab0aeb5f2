package mysql

import (
	"errors"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// errConninfo is a missing or unusable description of the way between servers.
var errConninfo = errors.New("not host=… port=… without a password")

// source is how one server reaches the other.
type source struct {
	host, user, ca string
	port           int
	tls            bool
}

// sourceOf reads the parameter <side>_conninfo: how the other server reaches this
// side. The line is encrypted unless ssl=off stands there.
func (p plan) sourceOf(side engines.TargetID) (source, error) {
	s := source{user: p.repl, port: 3306, tls: true}
	bad := func() (source, error) {
		// The text is not quoted: somebody may have put a password into it.
		return source{}, &engines.Error{Op: "plan " + key(p.Kind, p.Stage), Object: string(side), Err: errConninfo,
			Next: "set parameter " + string(side) + "_conninfo to host=… port=…, with ssl=off for a line without TLS; user=… and ca=… may follow"}
	}
	for _, f := range strings.Fields(p.Params[string(side)+"_conninfo"]) {
		name, v, ok := strings.Cut(f, "=")
		if !ok || v == "" {
			return bad()
		}
		switch name {
		case "host":
			s.host = v
		case "port":
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > 65535 {
				return bad()
			}
			s.port = n
		case "user":
			s.user = v
		case "ca":
			s.ca = v
		case "ssl":
			if v != "on" && v != "off" {
				return bad()
			}
			s.tls = v == "on"
		default:
			return bad()
		}
	}
	if s.host == "" {
		return bad()
	}
	return s, nil
}

// connect is the statement that defines the link to a source, in the words of the
// side that follows. With TLS off MySQL's default login needs the source's key;
// without a number of tries the link would give up after ten of them.
func (p plan) connect(on engines.TargetID, s source) string {
	d := p.of(on)
	w := d.source() + "_"
	set := []string{w + "HOST = " + lit(s.host), w + "PORT = " + strconv.Itoa(s.port), w + "USER = " + lit(s.user),
		w + "PASSWORD = ${secret:repl_sql}"}
	if s.tls {
		set = append(set, w+"SSL = 1")
	} else {
		set = append(set, w+"SSL = 0")
	}
	if s.ca != "" {
		set = append(set, w+"SSL_CA = "+lit(s.ca), w+"SSL_VERIFY_SERVER_CERT = 1")
	}
	if !s.tls && !d.maria {
		set = append(set, "GET_SOURCE_PUBLIC_KEY = 1")
	}
	if !d.maria {
		set = append(set, "SOURCE_RETRY_COUNT = 86400")
	}
	set = append(set, w+"CONNECT_RETRY = 1", w+"HEARTBEAT_PERIOD = 1")
	switch {
	case p.byID():
		set = append(set, d.pick("SOURCE_AUTO_POSITION = 1", "MASTER_USE_GTID = slave_pos"))
	case d.maria:
		set = append(set, "MASTER_USE_GTID = no", "MASTER_LOG_FILE = $1", "MASTER_LOG_POS = $2")
	default:
		set = append(set, "SOURCE_AUTO_POSITION = 0", "SOURCE_LOG_FILE = $1", "SOURCE_LOG_POS = $2")
	}
	return d.changeSource() + "\n " + strings.Join(set, ",\n ")
}

// defined proves that the link leads where it was planned to lead.
func (p plan) defined(on engines.TargetID, s source) *engines.Proof {
	d := p.of(on)
	text := kept(d.status(), d.pick("Source_Host", "Master_Host"), d.pick("Source_Port", "Master_Port"), d.pick("Source_User", "Master_User"))
	return engines.Ask(on, "the link leads to "+s.host, text, s.host+" / "+strconv.Itoa(s.port)+" / "+s.user)
}

// threads proves the state of both halves of the link, "Yes / Yes" or "No / No".
// START says nothing: the line is made later.
func (p plan) threads(on engines.TargetID, want string) *engines.Proof {
	d, title := p.of(on), "both halves of the link stand still"
	switch want {
	case running:
		title = "both halves of the link run"
	case receiving:
		title = "the receiver is connected, the applier stands still"
	case applying:
		title = "the applier runs, the receiver stands still"
	}
	return engines.Until(engines.Ask(on, title, kept(d.status(), d.threads()...), want), threadEvery, threadLimit)
}

// sqlForm gives a secret as a quoted value: a quote in it must not end the text.
func sqlForm(secret string) (map[string]string, error) {
	return map[string]string{"_sql": lit(secret)}, nil
}
