package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/turquoise-db/turquoise/engines"
)

// motoSuite carries an emulator of AWS that is complete enough for what we call.
const motoSuite = "sid"

// AWS is a running emulator of AWS on this machine. It knows no accounts: any
// credentials will do.
type AWS struct {
	Endpoint string // "http://127.0.0.1:port"

	proc  *process
	close func() error
}

// AWSEmulator returns the folder in which the emulator, moto, lies with its own
// Python.
func (s Servers) AWSEmulator(ctx context.Context) (string, error) {
	const name, variable = "the AWS emulator moto", "TURQUOISE_LAB_MOTO"
	whole := func(root string) bool { return holds(filepath.Join(root, "usr/bin"), "python3", "moto_server") }
	if dir := s.getenv(variable); dir != "" {
		if whole(dir) {
			return dir, nil
		}
		return "", &engines.Error{Op: "find " + name, Object: dir, Err: ErrAbsent, Next: "point " + variable + " at a folder with usr/bin/python3 and usr/bin/moto_server, or unset it"}
	}
	root := filepath.Join(s.Cache, "moto")
	if err := s.fetch(ctx, name, variable, motoSuite, root, "python3-moto", "python3-flask", "python3-flask-cors"); err != nil {
		return "", err
	}
	if !whole(root) {
		return "", &engines.Error{Op: "find " + name, Object: root, Err: ErrAbsent, Next: "remove that folder, so that it is fetched again"}
	}
	return root, nil
}

// StartAWS starts an empty emulator.
func StartAWS(ctx context.Context, log io.Writer) (_ *AWS, err error) {
	s, err := OpenServers(log)
	if err != nil {
		return nil, err
	}
	root, err := s.AWSEmulator(ctx)
	if err != nil {
		return nil, err
	}
	run, err := openRunDir("")
	if err != nil {
		return nil, err
	}
	as, err := serverOwner()
	if err != nil {
		return nil, errors.Join(err, run.close())
	}
	logPath := filepath.Join(run.path, "moto.log")
	for try := 1; ; try++ {
		port, err := freePort()
		if err != nil {
			return nil, errors.Join(err, run.close())
		}
		a := &AWS{Endpoint: "http://127.0.0.1:" + strconv.Itoa(port)}
		// env becomes Python: the process that is started is the one that is stopped.
		a.proc, err = start("moto", syscall.SIGTERM, as, run.path, logPath, "/usr/bin/env", "PYTHONHOME="+filepath.Join(root, "usr"), "PYTHONDONTWRITEBYTECODE=1",
			filepath.Join(root, "usr/bin/python3"), filepath.Join(root, "usr/bin/moto_server"), "-H", "127.0.0.1", "-p", strconv.Itoa(port))
		if err != nil {
			return nil, errors.Join(err, run.close())
		}
		a.close = sync.OnceValue(func() error { return errors.Join(a.proc.stop(), run.close()) })
		if err = a.proc.ready(ctx, a.answers); err == nil {
			return a, nil
		}
		if !a.proc.portTaken() || try == startTries {
			return nil, errors.Join(err, a.Close())
		}
	}
}

func (a *AWS) answers(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.Endpoint+"/moto-api/", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		return errors.Join(err, fmt.Errorf("status %d", res.StatusCode))
	}
	return nil
}

// Close ends the emulator. It is safe to call twice.
func (a *AWS) Close() error { return a.close() }
