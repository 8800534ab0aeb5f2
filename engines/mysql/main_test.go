package mysql_test

import (
	"os"
	"testing"

	"github.com/turquoise-db/turquoise/lab/labtest"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }
