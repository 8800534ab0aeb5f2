package route53

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	r53 "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/turquoise-db/turquoise/engines"
)

const (
	connectLimit = 10 * time.Second
	commandLimit = 10 * time.Second
	apiVersion   = "2013-04-01" // of the service; it has had one for as long as it is there
)

var (
	errDSN    = errors.New("not route53://ZONE")
	errClosed = errors.New("the connection is closed")
	errLost   = errors.New("connection lost before the answer was whole")
	errShape  = errors.New("not a call that is known")
)

// apiError is a no of the service, by code.
type apiError struct {
	code, message string
	server        bool // its fault: what was asked may have been done
}

func (e *apiError) Error() string { return e.message + " (" + e.code + ")" }

// place is what the connection string says.
type place struct{ zone, region, profile, endpoint string }

func parseDSN(dsn string) (place, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "route53" || u.User != nil || u.Path != "" || u.Fragment != "" || !plainZone.MatchString(u.Host) {
		return place{}, errDSN
	}
	p := place{zone: u.Host, region: "us-east-1"}
	for k, vs := range u.Query() {
		switch k {
		case "region":
			p.region = vs[0]
		case "profile":
			p.profile = vs[0]
		case "endpoint":
			if e, err := url.Parse(vs[0]); err != nil || e.User != nil || e.Host == "" || e.Path != "" || e.Scheme != "http" && e.Scheme != "https" {
				return place{}, errDSN
			}
			p.endpoint = vs[0]
		default:
			return place{}, errDSN
		}
	}
	return p, nil
}

// Conn is a client of one hosted zone, used by one goroutine. Each request has a
// connection of its own, and none is repeated by the SDK or the transport.
type Conn struct {
	target  engines.TargetID
	at      place
	params  map[string]string
	api     *r53.Client
	sts     *sts.Client
	caller  map[string]string // who calls, as STS said; nil: not asked yet
	app     string            // name by which CloudTrail has our calls; empty: none
	meter   engines.Meter
	request string // id of the last call, as the service answered it; empty: it did not
	aws     bool   // the last Do went to the service
	lost    bool
}

var _ engines.Conn = (*Conn)(nil)

// Open reads the zone once: a client that cannot do that is of no use.
func Open(o engines.OpenRequest) (*Conn, error) {
	at, err := parseDSN(o.DSN)
	if err != nil {
		return nil, &engines.Error{Op: "read the connection string", Object: string(o.Target), Err: err,
			Next: "write route53://ZONE with ?region=, ?profile= or ?endpoint= as needed; credentials come from the AWS configuration"}
	}
	c := &Conn{target: o.Target, at: at, params: o.Params}
	if o.Sid != "" {
		c.app = appPrefix + o.Sid
	}
	if err := c.connect(o.Ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Conn) object() string { return string(c.target) + " (zone " + c.at.zone + ")" }

func (c *Conn) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	dialer := &net.Dialer{Timeout: connectLimit}
	// The SDK's own kind of client: it takes a CA bundle from the AWS configuration.
	client := awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
		tr.DisableKeepAlives = true // a request that met a connection just closed would be repeated
		tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			n, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return c.meter.Wrap(n), nil
		}
	})
	options := []func(*config.LoadOptions) error{config.WithRegion(c.at.region), config.WithHTTPClient(client),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} })}
	if c.app != "" {
		options = append(options, config.WithAppID(c.app))
	}
	if c.at.profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.at.profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		err = engines.Known(engines.Unsent, fmt.Errorf("AWS configuration: %s", engines.Clean(err.Error())))
	} else {
		c.api = r53.NewFromConfig(cfg, func(o *r53.Options) {
			if c.at.endpoint != "" {
				o.BaseEndpoint = aws.String(c.at.endpoint)
			}
			o.APIOptions = append(o.APIOptions, c.noteRequests)
		})
		c.sts = sts.NewFromConfig(cfg, func(o *sts.Options) {
			if c.at.endpoint != "" && o.BaseEndpoint == nil { // AWS_ENDPOINT_URL_STS goes before
				o.BaseEndpoint = aws.String(c.at.endpoint)
			}
		})
		_, err = c.api.GetHostedZone(ctx, &r53.GetHostedZoneInput{Id: aws.String(c.at.zone)})
	}
	if err != nil {
		return &engines.Error{Op: "open the hosted zone", Object: c.object(), Err: mask(err),
			Next: "check the zone's id, the AWS credentials of this shell, and that they may do route53:GetHostedZone"}
	}
	c.lost = false
	return nil
}

// mask keeps of an error what may be shown. Requests hold signatures, and the
// messages of the service quote what they were sent.
func mask(err error) error {
	var api smithy.APIError
	var ne net.Error
	var oe *net.OpError
	var ke *engines.KnownError
	switch {
	case errors.As(err, &ke), errors.Is(err, errClosed):
		return err
	case errors.As(err, &api):
		m := engines.Clean(api.ErrorMessage())
		if len(m) > 300 {
			m = m[:300] + "…"
		}
		return &apiError{code: engines.Clean(api.ErrorCode()), message: m, server: api.ErrorFault() == smithy.FaultServer || api.ErrorCode() == "InternalError" || api.ErrorCode() == "ServiceUnavailable"}
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &ne) && ne.Timeout():
		return context.DeadlineExceeded
	case errors.As(err, &oe) && oe.Op == "dial":
		return fmt.Errorf("no connection: %w", oe.Err)
	}
	return errLost
}

// Do makes one call to the service, or asks DNS servers.
func (c *Conn) Do(ctx context.Context, s engines.Statement) (engines.Result, error) {
	start := time.Now()
	c.meter.Reset()
	c.request = ""
	limit := s.Limit
	if limit <= 0 {
		limit = commandLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var res engines.Result
	var err error
	c.aws = s.Verb == engines.AWS
	switch {
	case s.Verb != engines.AWS:
		err = engines.Refuse("verb %s is not for Route 53", s.Verb)
	case strings.HasPrefix(s.Text, dnsWord):
		res, err = c.resolve(ctx, s.Text)
	case c.lost:
		err = errClosed
	default:
		res, err = c.call(ctx, s)
	}
	res.Took, res.RequestID = time.Since(start), c.request
	if err != nil {
		err = mask(err)
		var api *apiError
		var ke *engines.KnownError
		c.lost = c.lost || !errors.As(err, &api) && !errors.As(err, &ke)
		return res, &engines.Error{Op: "run an action", Object: c.object(), Err: err}
	}
	return res, nil
}

// Classify says what is known after the last Do.
func (c *Conn) Classify(err error) engines.Outcome {
	var ke *engines.KnownError
	var api *apiError
	switch {
	case err == nil:
		return engines.Done
	case errors.As(err, &ke):
		return ke.Outcome
	case !c.aws:
		return engines.Unclear
	case c.meter.Sent() == 0:
		return engines.Unsent
	case errors.As(err, &api) && !api.server:
		return engines.Refused
	}
	return engines.Unclear
}

// Identify asks the service which zone this is. A service has no start time.
func (c *Conn) Identify(ctx context.Context) (engines.Identity, error) {
	fail := func(err error) (engines.Identity, error) {
		return engines.Identity{}, &engines.Error{Op: "ask who it is", Object: c.object(), Err: mask(err),
			Next: "check the network and the AWS credentials of this shell, then verify again"}
	}
	if c.lost {
		return fail(errClosed)
	}
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	z, err := c.api.GetHostedZone(ctx, &r53.GetHostedZoneInput{Id: aws.String(c.at.zone)})
	if err != nil {
		c.lost = c.lost || !errors.As(err, new(smithy.APIError))
		return fail(err)
	}
	id := engines.Identity{Engine: Name, Version: apiVersion, Major: 2013, System: "zone " + c.at.zone, Host: "route53.amazonaws.com", Port: 443,
		Database: engines.Clean(aws.ToString(z.HostedZone.Name)), Login: "default credentials", Writable: true, Extra: c.whose(ctx)}
	if c.at.profile != "" {
		id.Login = "profile " + c.at.profile
	}
	if c.at.endpoint != "" {
		u, err := url.Parse(c.at.endpoint)
		if err != nil {
			return fail(errDSN)
		}
		id.Host, id.Port = u.Hostname(), 443
		if u.Scheme == "http" {
			id.Port = 80
		}
		if u.Port() != "" {
			if id.Port, err = strconv.Atoi(u.Port()); err != nil {
				return fail(errDSN)
			}
		}
	}
	if z.HostedZone.Config != nil {
		if run, ok := strings.CutPrefix(aws.ToString(z.HostedZone.Config.Comment), labMark); ok {
			id.Lab = engines.Clean(run)
		}
	}
	return id, nil
}

// appPrefix begins the name in the user agent of every call of a session.
const appPrefix = "turquoise-"

// labMark begins the comment of a zone that a lab made.
const labMark = "turquoise lab "

// Close gives the client up; it keeps no connection open.
func (c *Conn) Close() error {
	c.lost = true
	return nil
}
