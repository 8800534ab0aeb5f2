package mysql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/mysql"
)

// TestATableWiderThanAPacketIsNotCompared: an image of a row that is larger than a
// packet is NULL, and NULL drops out of a sum without a word.
func TestATableWiderThanAPacketIsNotCompared(t *testing.T) {
	wide := engines.TableShape{Schema: "app", Name: "wide", Key: []string{"id"}, KeyFrom: "primary key", Identity: "rows",
		Columns: []engines.ColumnShape{{Name: "id", Base: "int", Type: "int", NotNull: true}}}
	for n := range 200 {
		wide.Columns = append(wide.Columns, engines.ColumnShape{Name: fmt.Sprintf("t%d", n), Base: "text", Type: "text", Charset: "utf8mb4", Collation: "utf8mb4_bin"})
	}
	for _, tt := range []struct {
		blue, green string
		compared    bool
	}{{"16777216", "16777216", true}, {"1048576", "16777216", false}, {"16777216", "1048576", false}, {"16777216", "", false}} {
		side := func(packet string) engines.Side {
			return engines.Side{Tables: []engines.TableShape{wide}, Tests: map[string]string{"max_allowed_packet": packet}}
		}
		digests, notes := mysql.Digests(side(tt.blue), side(tt.green), engines.Sum64)
		if compared := len(digests) == 1; compared != tt.compared {
			t.Errorf("packets of %s and %s: compared %v", tt.blue, tt.green, compared)
		}
		if !tt.compared && (len(notes) != 1 || !notes[0].Blind || !strings.Contains(notes[0].Why, "1111164 bytes are needed")) {
			t.Errorf("packets of %s and %s: %+v", tt.blue, tt.green, notes)
		}
	}
}
