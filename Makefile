# Turquoise. Needs Go and make; the tests also need apt on Debian, from which
# they fetch the database servers, and a C compiler for the race detector.

GO         ?= go
GOFLAGS    ?=
CC_FOUND   := $(shell command -v $$($(GO) env CC) 2>/dev/null)
# Two cores run the whole suite; packages that start servers must not starve
# each other, so the packages run two at a time.
TESTFLAGS  ?= -shuffle=on -p 2 -timeout 25m
# Measures what the race detector would outweigh.
UNRACED    := -run '^TestATickIsCheap$$' ./tui
GORELEASER := github.com/goreleaser/goreleaser/v2@v2.12.7

.PHONY: all build demo test lint bench e2e fuzz release-check man clean

all: lint test build

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o turquoise .

# ENGINE=mysql, mariadb, varnish, release or release-mysql instead of PostgreSQL.
DEMO_mysql := mysql-binlog
DEMO_mariadb := mysql-binlog --flavor mariadb
DEMO_varnish := varnish-blue-green
DEMO_release := blue-turquoise-green
DEMO_release-mysql := blue-turquoise-green --flavor mysql

demo: ## a guided cutover between two real servers on this machine
ifneq ($(ENGINE),)
ifeq ($(DEMO_$(ENGINE)),)
	$(error make demo: no ENGINE=$(ENGINE); there is mysql, mariadb, varnish, release, release-mysql, or none for PostgreSQL)
endif
endif
	$(GO) run . demo $(DEMO_$(ENGINE))

test: ## everything, with the race detector where a C compiler is found
ifeq ($(CC_FOUND),)
	@echo '*** make test: no C compiler found: running WITHOUT the race detector; apt-get install gcc libc6-dev ***' >&2
	@$(call run_tests,CGO_ENABLED=0 $(GO) test $(TESTFLAGS) ./...)
	@echo '*** make test: passed WITHOUT the race detector ***' >&2
else
	@$(call run_tests,CGO_ENABLED=1 $(GO) test -race $(TESTFLAGS) ./...)
	$(GO) test $(UNRACED)
endif

# go test says nothing of skipped tests. Those for want of something are named
# here, on every end; TURQUOISE_LAB_REQUIRE=1 makes them failures instead.
define run_tests
echo '$(1)'; skips=$$(mktemp) && export TURQUOISE_LAB_SKIPS="$$skips"; status=0; $(1) || status=$$?; \
if [ -s "$$skips" ]; then \
	echo "*** $$(wc -l <"$$skips") tests were SKIPPED (tests, what is missing; what helps): ***"; \
	sort "$$skips" | uniq -c; \
fi >&2; \
rm -f "$$skips"; exit $$status
endef

lint: ## format, vet, staticcheck, go.mod, and the layers of the house
	@bad=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go' 2>/dev/null || find . -name '*.go')); \
	if [ -n "$$bad" ]; then echo "gofmt: not formatted:" $$bad >&2; echo "next: gofmt -w" $$bad >&2; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod verify
	$(GO) test -count=1 -run '^TestHouse' .

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

e2e: ## every crash point and every pair of versions, on real servers; the better part of an hour
	TURQUOISE_LAB_REQUIRE=1 TURQUOISE_WHOLE_MATRIX=1 $(GO) test -count=1 -timeout 90m ./lab/... ./cli/...
	$(GO) test -count=1 -run '^TestEveryFrameIsExact$$' ./tui

release-check: ## the release description, read by the releaser itself (heavy: builds it first)
	$(GO) run $(GORELEASER) check

man: ## man pages into man/, completions into completions/
	$(GO) run . man man
	@mkdir -p completions
	@for s in bash zsh fish; do $(GO) run . completion $$s > completions/turquoise.$$s || exit 1; done

clean:
	rm -rf turquoise dist man completions
