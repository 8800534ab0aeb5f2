package mysql

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/go-sql-driver/mysql"

	"github.com/turquoise-db/turquoise/engines"
)

var (
	errFormat   = errors.New("changes are logged as statements: which rows they change is not told")
	errNoRows   = errors.New("the server does not log what it gets by replication")
	errShut     = errors.New("the stream is being closed")
	errIncident = errors.New("the server says that its log has a hole")
)

// Limits of reading a log.
const (
	heartbeat = time.Second // a log that says nothing for longer stands still
	deafAfter = 10 * time.Second
)

// Tracker reads the log of one server as a replica would, under a number of its
// own. A log is kept for a time and not for its readers: nothing holds it back.
type Tracker struct {
	link   *link
	syncer *replication.BinlogSyncer
	stream *replication.BinlogStreamer
	dec    *decoder
	start  uint64
	shut   atomic.Bool // it is being closed: no connection is made any more
}

var (
	_ engines.Tracker = (*Tracker)(nil)
	_ engines.Exact   = (*Tracker)(nil)
)

// OpenTracker begins to read. Slot and publication of the request are not used:
// the log has no such. It takes REPLICATION SLAVE, and the right to read where
// the log stands.
func OpenTracker(o engines.OpenRequest, q engines.TrackRequest) (*Tracker, error) {
	o.Role = roleCompare
	l, err := dial(o.Ctx, o)
	if err != nil {
		return nil, unreachable("connect", o, l, err)
	}
	t := &Tracker{link: l}
	defer func() { _ = l.close() }() // what it is asked for is known before the log is read
	if err := l.limitTo(o.Ctx, inspectLimit); err != nil {
		return nil, t.fail("set the time limit", err, "")
	}
	if err := t.logs(o.Ctx, q.Receives); err != nil {
		return nil, err
	}
	if err := t.begin(o.Ctx, q.From); err != nil {
		return nil, err
	}
	if t.dec.tables, err = t.tables(o.Ctx, q.Tables); err != nil {
		return nil, err
	}
	return t, t.follow(o.Ctx)
}

func (t *Tracker) fail(op string, err error, next string) error {
	var known *engines.Error
	if errors.As(err, &known) {
		return err
	}
	return &engines.Error{Op: op, Object: t.link.object(), Err: maskTrack(err), Next: next}
}

// maskTrack keeps of an error what may be shown. Error 1236 says that the log is
// gone.
func maskTrack(err error) error {
	var me *gomysql.MyError
	if errors.As(err, &me) {
		se := serverError(&mysql.MySQLError{Number: me.Code, Message: me.Message}, me.State)
		if me.Code == 1236 {
			return errors.Join(engines.ErrGap, se)
		}
		return se
	}
	for _, own := range []error{engines.ErrGap, errFormat, errNoRows, errIncident, errUnlogged} {
		if errors.Is(err, own) {
			return err
		}
	}
	return mask(err)
}

// logs refuses a server whose log does not tell every row: of one that receives rows
// by replication, those too.
func (t *Tracker) logs(ctx context.Context, receives bool) error {
	res, err := t.link.run(ctx, "SHOW GLOBAL VARIABLES WHERE variable_name IN ('log_bin', 'binlog_format', 'log_slave_updates', 'log_replica_updates', 'server_id')")
	if err != nil {
		return t.fail("read the log's settings", err, "")
	}
	is := map[string]string{}
	for _, r := range res.Rows {
		is[strings.Replace(text(r, 0), "replica", "slave", 1)] = text(r, 1)
	}
	id, err := strconv.ParseUint(is["server_id"], 10, 32)
	switch {
	case err != nil:
		return t.fail("read the server's number", errNumber, "")
	case is["log_bin"] != "ON":
		return t.fail("follow the log", errUnlogged, "set log_bin in the server's option file and restart it, or set the parameter verify to none")
	case is["binlog_format"] != "" && is["binlog_format"] != "ROW":
		return t.fail("follow the log", errFormat, "SET GLOBAL binlog_format = 'ROW' and let the applications connect again, or set the parameter verify to none")
	case receives && is["log_slave_updates"] != "ON":
		return t.fail("follow the log", errNoRows, "set log_slave_updates = ON in the server's option file and restart it, or set the parameter verify to none")
	}
	t.dec = &decoder{own: uint32(id)}
	return nil
}

// begin decides where reading begins: at the place that was asked for, if the
// log still has it, else where it stands now.
func (t *Tracker) begin(ctx context.Context, from string) error {
	row, err := t.link.one(ctx, t.link.d.ownPosition())
	if err != nil {
		return t.fail("read where the log stands", err, "GRANT "+t.link.d.pick("REPLICATION CLIENT", "BINLOG MONITOR")+" ON *.* to our account")
	}
	now := text(row, 0) + ":" + text(row, 1)
	if err := t.dec.name(text(row, 0)); err != nil {
		return t.fail("read where the log stands", err, "")
	}
	if t.start, err = t.Parse(now); err != nil {
		return err
	}
	if from == "" {
		t.dec.at = t.start
		return nil
	}
	at, err := t.Parse(from)
	if err != nil {
		return err
	}
	res, err := t.link.run(ctx, "SHOW BINARY LOGS")
	if err != nil {
		return t.fail("list the logs", err, "")
	}
	file := t.dec.file(at)
	if at > t.start || !slices.ContainsFunc(res.Rows, func(r []*string) bool { return text(r, 0) == file }) {
		return t.fail("follow the log", fmt.Errorf("%w %s", engines.ErrGap, from), "compare the tables again")
	}
	t.start, t.dec.at = at, at
	return nil
}

// trackColumns lists every column of the tables, in the order in which logged
// rows have them.
const trackColumns = `SELECT table_schema, table_name, column_name, LOWER(data_type), column_type, COALESCE(character_set_name, ''), COALESCE(character_octet_length, 0)
FROM information_schema.columns WHERE table_schema IN (%SCHEMAS%) ORDER BY table_schema, table_name, ordinal_position`

func (t *Tracker) tables(ctx context.Context, ds []engines.TableDigest) (map[string]*trackedTable, error) {
	out := map[string]*trackedTable{}
	var schemas []string
	for _, d := range ds {
		out[d.Label()] = &trackedTable{digest: d}
		schemas = append(schemas, d.Schema)
	}
	slices.Sort(schemas)
	res, err := t.link.run(ctx, replace(trackColumns, "%SCHEMAS%", list(slices.Compact(schemas))))
	if err != nil {
		return nil, t.fail("read the columns", err, "")
	}
	for _, r := range res.Rows {
		if x := out[text(r, 0)+"."+text(r, 1)]; x != nil {
			size, _ := strconv.Atoi(text(r, 6)) // of binary columns alone, where it is a small number
			x.columns = append(x.columns, loggedColumn{name: text(r, 2), base: text(r, 3), typ: strings.ToLower(text(r, 4)), charset: text(r, 5), size: size})
		}
	}
	for _, x := range out {
		x.find()
	}
	return out, nil
}

// follow opens the stream, with the login and the encryption of our session.
func (t *Tracker) follow(ctx context.Context) error {
	if t.start&offsetBits >= 1<<32 { // a replica cannot ask for it
		return t.fail("follow the log", fmt.Errorf("%w %s: it lies beyond the first 4 GB of its file", engines.ErrGap, t.Text(t.start)), "FLUSH BINARY LOGS on the server, then compare the tables again")
	}
	cfg := t.link.cfg
	host, port, err := net.SplitHostPort(cfg.Addr)
	number, nerr := strconv.ParseUint(port, 10, 16)
	if err != nil || nerr != nil {
		return t.fail("follow the log", errDSN, "")
	}
	cipher, err := t.link.one(ctx, "SHOW SESSION STATUS LIKE 'Ssl_cipher'")
	if err != nil {
		return t.fail("follow the log", err, "")
	}
	var id [4]byte
	if _, err := rand.Read(id[:]); err != nil {
		return t.fail("choose a number for the replica", err, "")
	}
	dialer := net.Dialer{Timeout: connectLimit}
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if t.shut.Load() {
			return nil, errShut
		}
		return dialer.DialContext(ctx, network, addr)
	}
	sc := replication.BinlogSyncerConfig{
		// Numbers of real servers are small; two replicas of one number cut each other off.
		ServerID: binary.LittleEndian.Uint32(id[:]) | 1<<31, Flavor: t.link.d.product(), Host: host, Port: uint16(number), User: cfg.User, Password: cfg.Passwd,
		Localhost: "turquoise", Charset: "utf8mb4", TimestampStringLocation: time.UTC, HeartbeatPeriod: heartbeat, ReadTimeout: deafAfter,
		// A stream that broke is not taken up again behind our back.
		DisableRetrySync: true, DiscardGTIDSet: true, Logger: slog.New(slog.DiscardHandler), Dialer: dial,
		FillZeroLogPos: t.link.d.maria && t.link.d.v.least(11, 4, 0),
	}
	if text(cipher, 1) != "" {
		sc.TLSConfig = cfg.TLS
	}
	t.syncer = replication.NewBinlogSyncer(sc)
	t.stream, err = t.syncer.StartSync(gomysql.Position{Name: t.dec.file(t.start), Pos: uint32(t.start & offsetBits)})
	if err != nil {
		t.syncer.Close()
		return t.fail("follow the log", err, "GRANT REPLICATION SLAVE ON *.* to our account")
	}
	return nil
}

// Start is the position from which on everything is told.
func (t *Tracker) Start() uint64 { return t.start }

// Text writes a position as the server does: a file and a place in it.
func (t *Tracker) Text(position uint64) string {
	return t.dec.file(position) + ":" + strconv.FormatUint(position&offsetBits, 10)
}

// Parse reads what Text wrote.
func (t *Tracker) Parse(s string) (uint64, error) {
	p, err := parsePosition(s)
	if err != nil {
		return 0, t.fail("read a position", err, "")
	}
	return pack(fileNumber(p.file), p.pos), nil
}

// Next waits for the next commit, or for word of a position.
func (t *Tracker) Next(ctx context.Context) (engines.Transaction, error) {
	for {
		e, err := t.stream.GetEvent(ctx)
		if err != nil {
			return engines.Transaction{}, t.fail("read changes", err, "changes since are not known: compare the tables again")
		}
		tx, ok, err := t.dec.event(e)
		if err != nil {
			return engines.Transaction{}, t.fail("read changes", err, "changes since are not known: compare the tables again")
		}
		if ok {
			return tx, nil
		}
	}
}

// Exact says that the end of the log is where the server stands.
func (t *Tracker) Exact() {}

// Confirm has nothing to tell: the server keeps its log by its own rules.
func (t *Tracker) Confirm(uint64) {}

// closeLimit bounds the one statement that ends a stream on the server.
const closeLimit = 2 * time.Second

// Close ends the stream. The library would end it on the server by a statement
// without our mark, on a connection of its own, and the server's log would then
// hold a statement of our login that nobody can place; so it is ended by ours.
func (t *Tracker) Close() error {
	t.shut.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	if id := t.syncer.LastConnectionID(); id > 0 && t.link.open(ctx) == nil {
		_ = t.link.send(ctx, "KILL CONNECTION "+strconv.FormatUint(uint64(id), 10)) // one that is gone, or stays until its next heartbeat, harms nobody
		_ = t.link.close()
	}
	t.syncer.Close()
	return nil
}
