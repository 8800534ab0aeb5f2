package mysql

import (
	"slices"
	"testing"
)

// TestGrantsAreRead holds lines as MySQL 9.7 and MariaDB 10.11 print them.
func TestGrantsAreRead(t *testing.T) {
	g := parseGrants([]string{
		"GRANT SELECT, RELOAD, PROCESS ON *.* TO `tq`@`%` WITH GRANT OPTION",
		"GRANT CONNECTION_ADMIN,XA_RECOVER_ADMIN ON *.* TO `tq`@`%`",
		"GRANT USAGE ON *.* TO `tq`@`%` IDENTIFIED BY PASSWORD '*6BB4837EB74329105EE4568DDA7DC67ED2CA2AD9'",
		"GRANT ALL PRIVILEGES ON `shop\\_1`.* TO `tq`@`%`",
		"GRANT SELECT (`a`, `b on c`), INSERT ON `bank`.`odd to``name` TO `tq`@`%`",
		"GRANT EXECUTE ON PROCEDURE `bank`.`close` TO `tq`@`%`",
		"GRANT `reader`@`%`,`writer`@`%` TO `tq`@`%`",
		"GRANT PROXY ON ``@`` TO `tq`@`%`",
		"REVOKE SELECT ON `secret`.* FROM `tq`@`%`",
	})
	for _, tt := range []struct {
		what string
		is   bool
		want bool
	}{
		{"global process", g.global("PROCESS"), true},
		{"global super", g.global("SUPER"), false},
		{"dynamic", g.global("XA_RECOVER_ADMIN"), true},
		{"by the global one", g.schema("SELECT", "bank"), true},
		{"taken out", g.schema("SELECT", "secret"), false},
		{"all of a schema", g.schema("TRIGGER", "shop_1"), true},
		{"an escaped underscore is none", g.schema("TRIGGER", "shopx1"), false},
		{"a table", g.table("INSERT", "bank", "odd to\x00name"), true},
		{"another table", g.table("INSERT", "bank", "odd"), false},
		{"columns are not the table", g.table("UPDATE", "bank", "odd to\x00name"), false},
		{"a procedure", g.covers("EXECUTE", "procedure bank.close"), true},
		{"another procedure", g.covers("EXECUTE", "procedure bank.open"), false},
		{"a procedure of a schema with all", g.covers("EXECUTE", "procedure shop_1.x"), true},
	} {
		if tt.is != tt.want {
			t.Errorf("%s: %v", tt.what, tt.is)
		}
	}
	if want := []string{"`reader`@`%`", "`writer`@`%`"}; !slices.Equal(g.roles, want) {
		t.Errorf("roles %q", g.roles)
	}
}

func TestWhatAnAccountLacks(t *testing.T) {
	blue := parseGrants([]string{"GRANT SELECT, INSERT ON `shop`.* TO `a`@`%`", "GRANT DELETE ON `shop`.`carts` TO `a`@`%`", "GRANT `r`@`%` TO `a`@`%`"})
	for name, tt := range map[string]struct {
		lines []string
		want  []string
	}{
		"nothing":       {[]string{"GRANT SELECT, INSERT ON `shop`.* TO `a`@`%`", "GRANT DELETE ON `shop`.`carts` TO `a`@`%`", "GRANT `r`@`%` TO `a`@`%`"}, nil},
		"by more":       {[]string{"GRANT ALL PRIVILEGES ON *.* TO `a`@`%`", "GRANT `r`@`%` TO `a`@`%`"}, nil},
		"one on tables": {[]string{"GRANT SELECT, DELETE ON `shop`.* TO `a`@`%`", "GRANT `r`@`%` TO `a`@`%`"}, []string{"insert on shop.*"}},
		"all":           {nil, []string{"delete on shop.carts", "insert on shop.*", "role r@%", "select on shop.*"}},
	} {
		if got := blue.lacks(parseGrants(tt.lines)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestSchemasOfAGrantArePatterns(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"shop", "shop", true}, {"shop", "shops", false}, {"shop_", "shops", true}, {"shop_", "shop", false}, {"shop%", "shop", true},
		{"%", "anything", true}, {"%\\_1", "shop_1", true}, {"%\\_1", "shop21", false}, {"s%p", "shop", true}, {"s%p", "shops", false},
	} {
		if got := like(tt.pattern, tt.name); got != tt.want {
			t.Errorf("%s on %s: %v", tt.pattern, tt.name, got)
		}
	}
}
