# Texts that mean no good: statements with a value in them that are mutated at random,
# and who can tell whether the value still stands in quotes; a library that looks on from
# every hook; what a session costs, and where values turn up.
package HostileTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

our @EXPORT = qw(new_spy new_canary parts_of found_in cpu_of seed_with pick mutate templates hides);

# ---- values ----

my $made = 0;

# Two words with something between them that no name of a secret has: none of their
# letters are in anything else that is said here in such a row.
sub new_canary
{
	my $n = $made++;
	my @words;

	foreach my $mark ('q', 'z')
	{
		push @words, $mark . join('', map { substr 'bcdfghjklmnpqrstvwxz', ($n / 20**$_) % 20, 1 } 0 .. 3) . "${mark}kx$mark";
	}
	return "$words[0] !$words[1]";
}

sub parts_of { my ($canary) = @_; return split / !/, $canary; }

# Which of the words are in these files, or in those under them: { word => path }.
sub found_in
{
	my ($where, @words) = @_;
	my ($patterns, $out) = (PostgreSQL::Test::Utils::tempdir() . '/patterns', '');
	my %found;

	append_to_file($patterns, join '', map { "$_\n" } @words);
	local $ENV{LC_ALL} = 'C';
	IPC::Run::run([ 'grep', '-raoiHZsF', '-f', $patterns, '--', grep { -e } @$where ], '<', \undef, '>', \$out);
	/^([^\0]+)\0(.*)$/ and $found{ lc $2 } = $1 foreach split /\n/, $out;
	return \%found;
}

# ---- what a process has done ----

# Seconds on a processor; to the nanosecond, where the kernel says so.
sub cpu_of
{
	my ($pid) = @_;

	if (open my $file, '<', "/proc/$pid/schedstat")
	{
		return (split ' ', <$file>)[0] / 1e9;
	}
	my @fields = split ' ', slurp_file("/proc/$pid/stat") =~ s/^.*\) //sr;
	return ($fields[11] + $fields[12]) / 100;
}

# ---- chance, the same one for the same seed ----

my $state = 1;

sub seed_with { ($state) = @_; return; }

sub pick
{
	my ($n) = @_;

	$state = ($state * 1103515245 + 12345) & 0x7fffffff;
	return int($n * ($state >> 8) / (0x7fffffff >> 8 | 1)) % $n;
}

sub one_of { my (@all) = @_; return $all[ pick(scalar @all) ]; }

# ---- statements ----

# What names us, with what stands before it and behind it; ~ is a value.
sub templates
{
	return (
		[ 'SELECT ', 'secrets.put(', q{'m/1', '~')} ],
		[ 'SELECT ', 'secrets.put(', q{name => 'm/1', value => E'~\\'\\\\x')} ],
		[ 'SELECT ', 'SECRETS . /* x */ Put (', q{'m/1', $$~$$)} ],
		[ 'SELECT ', '"secrets"."put"(', q{'m/1', $q$~$q$::text) , 'other ~'} ],
		[ 'SELECT ', 'U&"s\\0065crets".put(', q{'m/1', U&'~\\0041')} ],
		[ 'DO $$ BEGIN PERFORM ', 'secrets.put(', q{'m/1', '~'); END $$} ],
		[ q{DO $do$ BEGIN EXECUTE format('SELECT }, 'secrets.put(', q{%L, %L)', 'm/1', '~'); END $do$ LANGUAGE plpgsql} ],
		[ q{WITH v(x) AS (VALUES ('~'), ('D')) SELECT }, 'secrets.put(', q{'m/1', x) FROM v} ],
		[ 'EXPLAIN (ANALYZE) SELECT ', 'secrets.put(', q{'m/1', '~')} ],
		[ 'PREPARE m AS SELECT ', 'secrets.put(', q{'m/1', '~')} ],
		[ 'CREATE OR REPLACE FUNCTION m() RETURNS bigint LANGUAGE sql AS $$ SELECT ', 'secrets.put(', q{'m/1', '~') $$} ],
		[ "SELECT '~', -- of ~\n ", 'secrets.put(', q{'m/1', 'x' /* ~ */)} ],
		[ 'SELECT ', 'secrets.put(', q{'m/1', '{"k": "~"}'::jsonb, options => '{"request_id": "~"}')} ],
		[ 'INSERT ', 'INTO secrets.inbox (', q{name, value) VALUES ('m/1', '~')} ],
		[ 'COPY (SELECT ', 'secrets.put_bytes(', q{'m/1', '~'::bytea)) TO STDOUT} ],
		[ 'SELECT CASE WHEN ', 'secrets.patch(', q{'m/1', '{"a":"~"}'::text) > 0 THEN '~' END} ],
		[ q{SELECT 'it''s ~' || }, 'secrets.put(', q{'m/1', '~''s')} ],
		[ 'SELECT 15 * ', 'secrets.put(', q{'m/1', B'101'::text || X'1F'::text || N'~')} ],
		[ 'SELECT ', 'secrets.put(', q{'m/1', ('~'))::text, "odd ""name""" FROM (SELECT 1 AS "odd ""name""") s WHERE '~' <> 'D'} ],
		[ q{CALL nothing('~', }, 'secrets.put(', q{'m/1', '~'))} ],
		[ 'SELECT ', 'secrets.put(', "'m/1', '~'\n'~'\n -- ~\n'~')" ],
		[ q{ALTER ROLE nobody PASSWORD '~' -- }, 'secrets.put(', q{)} ],
		[ q{SET m.x = '~' /* }, 'secrets.put(', q{ */} ],
		[ q{SELECT '~' AS "it's '~'", }, 'secrets.put(', q{'m/1', '~') AS "put('m/1', '~')"} ],
		[ 'SELECT ', 'keep (', q{'~', E'\\'~', 2), '~' AS a, other.keep('~')} ],
		[ 'CREATE OR REPLACE FUNCTION m() RETURNS text AS $$ return plpy.execute("SELECT ', 'secrets.put(', q{'m/1', '~')") $$ LANGUAGE plpython3u} ],
		[ q{SET search_path = secrets; SELECT }, 'put (', q{'m/1', '~'); COMMENT ON TABLE first IS '~'} ],
		[ 'SELECT /*+ SeqScan(v) */ ', 'secrets.put(', q{'m/1', '~'); SELECT '~' FROM pg_class WHERE relname = '~'} ],
	);
}

my @pieces = (
	q{'}, q{'}, q{'}, q{''}, q{"}, q{"}, '$$', '$q$', '$do$', '$', '\\', "\\'", '/*', '*/', '--', "\n", q{E'}, q{U&'}, q{U&"}, q{X'}, ';', '(', ')', ',',
	'::int', '::regclass', ' || ', '=>', ':=', '1', '$1', ' ', "\t", "\x01", "\xc3\xa9", "\xe2\x80\x99", '{', '}', '.', 'AS ', 'LANGUAGE c ', ' UESCAPE ', 'e', '_');

sub mutate_part
{
	my ($text) = @_;
	my $at = pick(1 + length $text);
	my $n = pick(8);
	my $how = pick(5);

	if ($how <= 1) { substr $text, $at, 0, one_of(@pieces); }
	elsif ($how == 2) { substr $text, $at, 1 + pick(4), ''; }
	elsif ($how == 3) { substr $text, $at, 0, substr $text, pick(1 + length $text), $n; }
	elsif ($n == 0) { substr $text, $at, length($text), ''; }
	else { substr $text, $at, 1, one_of(@pieces); }
	return $text;
}

# What names us stays as it is: so whatever comes of it still does.
sub mutate
{
	my ($before, $name, $behind) = @_;

	foreach (1 .. 1 + pick(3))
	{
		if (pick(3) == 0) { $before = mutate_part($before); }
		else { $behind = mutate_part($behind); }
	}
	# Whatever was put right before it, it remains a word of its own.
	return "$before $name$behind";
}

# ---- who can tell ----

# Takes the text apart as the server's scanner does: [ kind, from, to, inner ], kind one of
# plain, literal, dollar, comment, name, quoted, sign.  Escapes: standard_conforming_strings is off.
sub tokens
{
	my ($text, $escapes) = @_;
	my $escaped = $escapes ? qr/[eE]?/ : qr/[eE]/;
	my @tokens;

	pos($text) = 0;
	while (pos($text) < length $text)
	{
		my $from = pos $text;
		my ($kind, $inner) = ('sign', undef);

		if ($text =~ /\G\s+/gc) { next; }
		elsif ($text =~ /\G--[^\n\r]*/gc) { $kind = 'comment'; }
		elsif ($text =~ m{\G/\*}gc)
		{
			my $depth = 1;
			$kind = 'comment';
			while ($depth > 0 && $text =~ m{\G.*?(/\*|\*/)}gcs) { $depth += $1 eq '/*' ? 1 : -1; }
			pos($text) = length $text if $depth > 0;
		}
		elsif ($text =~ /\G$escaped'(?:[^'\\]|\\.|'')*+(?:'\s*[\n\r]\s*'(?:[^'\\]|\\.|'')*+)*+(?:'|\\?\z)/gcs) { $kind = 'literal'; }
		elsif ($text =~ /\G(?:[uU]&|[bBxXnN])'(?:[^']|'')*+(?:'|\z)/gc) { $kind = 'literal'; }
		elsif ($text =~ /\G'((?:[^']|'')*+)(?:'|\z)/gc) { ($kind, $inner) = ('plain', $1); }
		elsif ($text =~ /\G(?:[uU]&)?"(?:[^"]|"")*+(?:"|\z)/gc) { $kind = 'quoted'; }
		elsif ($text =~ /\G(\$(?:[A-Za-z_\x80-\xff][A-Za-z_0-9\x80-\xff]*)?\$)/gc)
		{
			my $end = index $text, $1, pos $text;
			$kind = 'dollar';
			$inner = $end < 0 ? substr($text, pos $text) : substr($text, pos($text), $end - pos $text);
			pos($text) = $end < 0 ? length $text : $end + length $1;
		}
		elsif ($text =~ /\G[A-Za-z_\x80-\xff][A-Za-z_0-9\x80-\xff\$]*/gc) { $kind = 'name'; }
		elsif ($text =~ /\G(?:\$?\d+)/gc) { $kind = 'sign'; }
		else { $text =~ /\G./gcs; }
		push @tokens, [ $kind, $from, pos $text, $inner ];
	}
	return @tokens;
}

# Where it would be the name of a secret, and where code stands in quotes.
sub is_at_name { my ($before) = @_; return $before =~ /(?:\(|= >|: =)$/; }
sub is_at_body { my ($before) = @_; return $before =~ /\b(?:do|as|language \S+)$/i; }

# Is a word of a value nowhere in the text but where values are: in literals and comments?  What
# lost its quotes is an identifier, and what stands as a name of a secret is shown as one.
sub hides
{
	my ($text, $word, $escapes) = @_;
	my $before = '';

	foreach my $token (tokens($text, $escapes))
	{
		my ($kind, $from, $to, $inner) = @$token;
		my $said = substr $text, $from, $to - $from;

		if (index(lc $said, $word) >= 0)
		{
			($kind, $inner) = ('plain', $said =~ /^'(.*?)'?$/s) if $kind eq 'literal' && $said =~ /^'/;
			# A name with quotes in it is not taken for one.
			return 0 if $kind eq 'name' || ($kind eq 'quoted' && $said !~ /'/) || $kind eq 'sign';
			return 0 if $kind eq 'plain' && is_at_name($before) && $inner =~ m{^[\w.@+=/-]+$}a;
			return 0 if $kind eq 'dollar' && is_at_body($before) && !hides($inner, $word, $escapes);
			return 0 if $said =~ m{^/\*\+};
		}
		$before = $kind eq 'comment' ? $before : substr "$before $said", -100;
	}
	return 1;
}

# ---- who looks on ----

# A library that writes down what its hooks are shown, and does what it is told to by the
# setting spy_NAME.does.  Loaded before secrets its hooks run behind those of secrets, and
# the other way round.  undef: there is no compiler.
sub new_spy
{
	my ($node, $name) = @_;
	my $dir = $node->basedir;
	my $cc = $ENV{CC} || 'cc';
	my $include = `pg_config --includedir-server`;

	chomp $include;
	return undef if system("$cc --version >/dev/null 2>&1") != 0;
	open my $source, '>', "$dir/spy.c" or die $!;
	print $source spy_source();
	close $source;
	system("$cc -w -O1 -shared -fPIC -DNAME=spy_$name -I$include -o $dir/spy_$name.so $dir/spy.c") == 0 or die 'the spy does not compile';
	return "$dir/spy_$name.log";
}

sub spy_source
{
	return <<'END';
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "access/xact.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "optimizer/planner.h"
#include "parser/analyze.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

PG_MODULE_MAGIC;

#define STRING_(x) #x
#define STRING(x) STRING_(x)

static char *place;
static char *does;
static bool has_worker;

static emit_log_hook_type next_log;
static post_parse_analyze_hook_type next_analyze;
static ProcessUtility_hook_type next_utility;
static planner_hook_type next_planner;
static ExecutorStart_hook_type next_start;

/* ---- what is seen ---- */

static void
hear(const char *where, const char *text)
{
	int			fd;

	if (text == NULL || place == NULL || place[0] == '\0')
		return;
	fd = open(place, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	(void) !write(fd, where, strlen(where));
	(void) !write(fd, ": ", 2);
	(void) !write(fd, text, strlen(text));
	(void) !write(fd, "\n", 1);
	close(fd);
}

/* Positions index the text: whoever cuts a statement out of it goes by them. */
static void
hear_at(const char *where, const char *text, int location, int length)
{
	hear(where, text);
	if (text && location > 0 && (size_t) location + (length > 0 ? length : 0) > strlen(text))
		hear("OUT OF STEP", where);
}

static void
on_analyze(ParseState *state, Query *query, JumbleState *jumble)
{
	hear_at("analyze", state->p_sourcetext, query->stmt_location, query->stmt_len);
	if (next_analyze)
		next_analyze(state, query, jumble);
}

static void
on_utility(PlannedStmt *statement, const char *text, bool read_only, ProcessUtilityContext context,
		   ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	hear_at("utility", text, statement->stmt_location, statement->stmt_len);
	(next_utility ? next_utility : standard_ProcessUtility) (statement, text, read_only, context, params, environment, dest, completion);
}

static PlannedStmt *
on_plan(Query *query, const char *text, int options, ParamListInfo params)
{
	hear_at("planner", text, query->stmt_location, query->stmt_len);
	return (next_planner ? next_planner : standard_planner) (query, text, options, params);
}

static void
on_start(QueryDesc *query, int flags)
{
	hear_at("start", query->sourceText, query->plannedstmt->stmt_location, query->plannedstmt->stmt_len);
	if (next_start)
		next_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
}

/* ---- lines ---- */

/* Puts texts where nobody expects them. */
static void
change(ErrorData *line)
{
	MemoryContext before = MemoryContextSwitchTo(line->assoc_context);
	char	   *message = line->message;

	line->message = psprintf("spy says: %s", message);
	line->hint = line->detail;
	line->detail = NULL;
	line->detail_log = pstrdup(message);
	line->context = pstrdup(message);
	line->internalquery = message;
	line->funcname = NULL;
	line->hide_stmt = line->hide_ctx = false;
	line->sqlerrcode = ERRCODE_INTERNAL_ERROR;
	MemoryContextSwitchTo(before);
}

static void
act(ErrorData *line)
{
	if (strcmp(does, "log") == 0)
		ereport(LOG, (errmsg("spy heard: %s", line->message), errdetail("%s", line->detail ? line->detail : "none")));
	else if (strcmp(does, "raise") == 0 && line->elevel == LOG && (strstr(line->message, "secrets") || strstr(line->message, "keep")))
		ereport(ERROR, (errcode(ERRCODE_RAISE_EXCEPTION), errmsg("spy raises: %s", line->message)));
	else if (strcmp(does, "change") == 0)
		change(line);
}

static void
on_line(ErrorData *line)
{
	static bool is_busy = false;

	hear("message", line->message);
	hear("detail", line->detail);
	hear("detail_log", line->detail_log);
	hear("hint", line->hint);
	hear("context", line->context);
	hear("internalquery", line->internalquery);
	hear("statement", line->hide_stmt ? NULL : debug_query_string);
	if (!is_busy && does && line->message)
	{
		is_busy = true;
		PG_TRY();
		{
			act(line);
		}
		PG_FINALLY();
		{
			is_busy = false;
		}
		PG_END_TRY();
	}
	if (next_log)
		next_log(line);
}

/* ---- a process that nobody is connected to ---- */

static void
run_one(const char *sql)
{
	SetCurrentStatementStartTimestamp();
	debug_query_string = sql;
	pgstat_report_activity(STATE_RUNNING, sql);
	StartTransactionCommand();
	PG_TRY();
	{
		SPI_connect();
		PushActiveSnapshot(GetTransactionSnapshot());
		SPI_execute(sql, false, 0);
		SPI_finish();
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		EmitErrorReport();
		AbortCurrentTransaction();
		FlushErrorState();
	}
	PG_END_TRY();
	debug_query_string = NULL;
	pgstat_report_activity(STATE_IDLE, NULL);
}

PGDLLEXPORT void spy_work(Datum arg);

/* Statements come by a file, a line each. */
void
spy_work(Datum arg)
{
	char		script[MAXPGPATH];
	static char line[8192];

	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection("postgres", NULL, 0);
	snprintf(script, sizeof(script), "%s.sql", place);
	for (;;)
	{
		FILE	   *file = fopen(script, "r");

		if (file)
		{
			while (fgets(line, sizeof(line), file))
				run_one(line);
			fclose(file);
			unlink(script);
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 50, 0);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
begin_work(void)
{
	BackgroundWorker worker = {
		.bgw_name = "spy", .bgw_type = "spy", .bgw_library_name = STRING(NAME), .bgw_function_name = "spy_work",
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished, .bgw_restart_time = BGW_NEVER_RESTART
	};

	RegisterBackgroundWorker(&worker);
}

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	DefineCustomStringVariable(STRING(NAME) ".place", "", NULL, &place, "", PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomStringVariable(STRING(NAME) ".does", "", NULL, &does, "", PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable(STRING(NAME) ".works", "", NULL, &has_worker, false, PGC_POSTMASTER, 0, NULL, NULL, NULL);
	next_log = emit_log_hook;
	emit_log_hook = on_line;
	next_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = on_analyze;
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = on_utility;
	next_planner = planner_hook;
	planner_hook = on_plan;
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = on_start;
	if (has_worker)
		begin_work();
}
END
}

1;
