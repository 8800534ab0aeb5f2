package command

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

var errArgv = errors.New("not a JSON list of strings that begins with an absolute path")

// parseArgv reads a command. Its error quotes nothing: an argument may be a secret
// that does not belong there.
func parseArgv(text string) ([]string, error) {
	var argv []string
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&argv); err != nil || d.More() || len(argv) == 0 || !filepath.IsAbs(argv[0]) || filepath.Clean(argv[0]) != argv[0] {
		return nil, errArgv
	}
	for _, a := range argv {
		if strings.ContainsRune(a, 0) || engines.Clean(a) != a {
			return nil, fmt.Errorf("an argument holds characters that cannot be shown")
		}
	}
	return argv, nil
}

// text is a command as it stands in a plan, with the sum of its executable where
// that is known.
func textOf(argv []string, sum string) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(argv); err != nil {
		return "", err
	}
	out := "exec: " + strings.TrimSpace(b.String())
	if sum != "" {
		out += "\nsha256: " + sum
	}
	return out, nil
}

var plainSum = regexp.MustCompile(`^[0-9a-f]{64}$`)

// parseText takes it apart again. what is the line that says what is taken of the
// answer.
func parseText(text string) (argv []string, sum, what string, err error) {
	body, what, _ := strings.Cut(text, taken)
	body, sum, _ = strings.Cut(body, "\nsha256: ")
	list, ok := strings.CutPrefix(body, "exec: ")
	if !ok || strings.Contains(list, "\n") || sum != "" && !plainSum.MatchString(sum) {
		return nil, "", "", errArgv
	}
	argv, err = parseArgv(list)
	return argv, sum, what, err
}

// sumOf is the SHA-256 of an executable.
func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
