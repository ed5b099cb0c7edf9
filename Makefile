# secrets: a secret store inside PostgreSQL.
#
#   make quickstart   a private server with secrets in it, and a walk through
#   make test         every suite
#   make help         the rest

EXTENSION  = secrets
HERE      := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(HERE)/$(EXTENSION).control)

# The rooms, ground floor first.  A room may use only the rooms before it.
# This one list orders the objects, the install script, the tests and the lint.
ROOMS = base redact crypto box keyring store policy audit gate kv rules trail rotation operate

MODULE_big  = $(EXTENSION)
OBJS        = src/secrets.o \
              $(foreach r,$(ROOMS),$(patsubst $(HERE)/%.c,%.o,$(sort $(wildcard $(HERE)/src/$(r)/*.c))))
PG_CPPFLAGS = -I$(HERE)/src -I$(libpq_srcdir) -DSECRETS_VERSION='"$(EXTVERSION)"'
PG_CFLAGS   = -fvisibility=hidden -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare
SHLIB_LINK  = -lcrypto
SHLIB_LINK_INTERNAL = $(libpq)

INSTALL_SQL = $(EXTENSION)--$(EXTVERSION).sql
DATA_built  = $(INSTALL_SQL)
DATA        = $(patsubst $(HERE)/%,%,$(wildcard $(HERE)/src/upgrade/$(EXTENSION)--*--*.sql))

REGRESS        = $(notdir $(basename $(foreach r,$(ROOMS) contract encodings strangers matrix,$(sort $(wildcard $(HERE)/sql/$(r).sql $(HERE)/sql/$(r)_*.sql)))))
REGRESS_OPTS   = --load-extension=$(EXTENSION)
ISOLATION      = $(notdir $(basename $(wildcard $(HERE)/test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(HERE)/test/isolation --load-extension=$(EXTENSION)
TAP_TESTS      = 1
PROVE_TESTS    = test/tap/*.pl
EXTRA_CLEAN    = regression.diffs regression.out results output_iso tmp_check build

ifdef VPATH
$(shell mkdir -p src $(addprefix src/,$(ROOMS)))
endif

PG_CONFIG ?= pg_config
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
ifeq ($(PGXS),)
# quickstart and test come by without: they install it.
all install installcheck:
	@echo "$(PG_CONFIG) leads to no PGXS: install PostgreSQL's server headers, or set PG_CONFIG" >&2; exit 1
else
include $(PGXS)
endif

# Every object hangs on every header: a house this size is rebuilt in seconds.
$(OBJS): $(wildcard $(HERE)/src/*/*.h) $(HERE)/$(EXTENSION).control

$(INSTALL_SQL): $(foreach r,$(ROOMS),$(wildcard $(HERE)/src/$(r)/$(r).sql)) $(EXTENSION).control
	printf '\\echo Use "CREATE EXTENSION $(EXTENSION)" to load this file. \\quit\n' > $@
	cat $(filter %.sql,$^) >> $@

# The TAP tests make clusters in the caller's locale, and store more than ASCII.
LANG ?= C.UTF-8
export LANG

.PHONY: quickstart quickstop test soak bench check-layers help

quickstart:
	@$(HERE)/quickstart/start

quickstop:
	@$(HERE)/quickstart/stop

test:
	@$(HERE)/test/run

soak:
	@$(HERE)/test/run --soak

bench:
	@PG_CONFIG=$(PG_CONFIG) $(HERE)/test/bench/run

check-layers:
	@bash $(HERE)/test/lint/check-layers.sh $(HERE)/src $(ROOMS)

# What the harness asks for: make print-ROOMS
print-%:
	@echo $($*)

help:
	@echo "make                builds the extension"
	@echo "make install        installs it, as root"
	@echo "make installcheck   regression, isolation and TAP tests on your own running server (see README.md)"
	@echo "make quickstart     a private server with secrets in it, and a walk through"
	@echo "make quickstop      stops that server; its data stays"
	@echo "make test           every suite, on PostgreSQL 15 and 17; one alone: test/run --help"
	@echo "make soak           their long forms, on 18 too: hours"
	@echo "make bench          what a secret costs, beside what it would cost without"
	@echo "make check-layers   the house rules"
	@echo "make clean          removes what was built"
