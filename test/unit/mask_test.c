/*
 * mask_test.c: which statements bring a secret in, and what is left of them.
 */
#include "redact/form.h"
#include "redact/mask.h"
#include "store/name.h"

#include "check.h"

static const MaskWord words[] = {
	{"put", MASK_CALL},
	{"inbox", MASK_RELATION},
	{"keep_it", MASK_ANYWHERE},
	{"Wrap", MASK_ANYWHERE},
	{"gr\xc3\xb6\xc3\x9f", MASK_CALL},
	{"odd word", MASK_CALL},
	{"2put", MASK_CALL},
	{"p$t", MASK_CALL},
	{"a\"b", MASK_ANYWHERE},
	{"a_name_that_has_all_the_bytes_that_the_server_has_room_for_in_1", MASK_CALL},	/* 63 */
};

static const char *const harmless[] = {"get", "label", "try_get"};

static MaskIndex word_index;

/* With an index and without, by turns. */
static MaskWords
all_words(bool is_in_path)
{
	static unsigned turn = 0;

	return (MaskWords) {
		.words = words, .nwords = lengthof(words), .is_in_path = is_in_path,
		.harmless = harmless, .nharmless = lengthof(harmless), .index = turn++ % 2 ? &word_index : NULL
	};
}

static MaskJudgement
judged(const char *text, size_t len, bool is_in_path)
{
	MaskWords	known = all_words(is_in_path);
	char	   *copy = exact_copy(text, len);
	MaskJudgement judgement = mask_judge(copy, len, &known);

	free(copy);
	return judgement;
}

static char room[70000];

/* What is masked twice is as what is masked once. */
static const char *
masked_as(const char *text, size_t len, MaskJudgement judgement)
{
	MaskWords	known = all_words(false);
	char	   *copy = exact_copy(text, len);
	bool		is_changed = mask_sql(copy, len, &known, judgement);

	CHECK(is_changed || memcmp(copy, text, len) == 0, "%s", text);
	memcpy(room, copy, len);
	room[len] = '\0';
	(void) mask_sql(copy, len, &known, judgement);
	CHECK(memcmp(copy, room, len) == 0, "masked twice: %s, then %.*s", room, (int) len, copy);
	free(copy);
	return room;
}

static void
expect_becomes(const char *text, const char *wanted)
{
	CHECK(strlen(text) == strlen(wanted), "the test itself: %s", text);
	CHECK(strcmp(masked_as(text, strlen(text), MASK_ALL), wanted) == 0, "%s became\n\t%s and not\n\t%s", text, room, wanted);
	CHECK(judged(text, strlen(text), false) == judged(wanted, strlen(wanted), false), "%s", wanted);
}

/* Between two tildes each stands what is to be covered. */
static void
read_marked(const char *marked, char *text, char *wanted)
{
	bool		is_covered = false;

	for (; *marked; marked++)
	{
		if (*marked == '~')
			is_covered = !is_covered;
		else
		{
			*text++ = *marked;
			*wanted++ = is_covered ? '*' : *marked;
		}
	}
	*text = *wanted = '\0';
}

static void
expect_masked(const char *marked)
{
	char		text[400];
	char		wanted[400];

	read_marked(marked, text, wanted);
	expect_becomes(text, wanted);
}

static void
expect_masked_and_judged(const char *marked)
{
	char		text[400];
	char		wanted[400];

	read_marked(marked, text, wanted);
	expect_becomes(text, wanted);
	CHECK(judged(text, strlen(text), false) == MASK_ALL, "%s", text);
}

static void
expect_passwords(const char *marked)
{
	char		text[400];
	char		wanted[400];

	read_marked(marked, text, wanted);
	CHECK(judged(text, strlen(text), false) == MASK_PASSWORDS, "%s", text);
	CHECK(strcmp(masked_as(text, strlen(text), MASK_PASSWORDS), wanted) == 0, "%s became\n\t%s and not\n\t%s", text, room, wanted);
}

/* ---- judgement ---- */

static void
expect(MaskJudgement wanted, const char *text)
{
	MaskJudgement got = judged(text, strlen(text), false);

	CHECK(got == wanted, "%s: %d, and not %d", text, got, wanted);
}

static void
calls(void)
{
	expect(MASK_ALL, "select secrets.put('a', 'b')");
	expect(MASK_ALL, "select put('a', 'b')");
	expect(MASK_ALL, "put(");
	expect(MASK_ALL, "select other.put ('a', 'b')");
	expect(MASK_ALL, "SELECT PUT\n\t (1)");
	expect(MASK_ALL, "select \"put\"('a')");
	expect(MASK_ALL, "select \"secrets\" . \"put\" ('a')");
	expect(MASK_ALL, "select put/**/('a')");
	expect(MASK_ALL, "select put /* a /* b */ ( */ -- (c\n -- d\r\n('a')");
	expect(MASK_ALL, "+put('a')");
	expect(MASK_NOTHING, "select put from t");
	expect(MASK_NOTHING, "select put");
	expect(MASK_NOTHING, "select put, (1)");
	expect(MASK_NOTHING, "select put /* ( */ from t");
	expect(MASK_NOTHING, "select put -- (");
	expect(MASK_NOTHING, "select output('a'), put_('a'), putt('a'), put$('a'), _put('a'), put1('a'), \xc3\xa4put('a')");
	expect(MASK_NOTHING, "select 1");
	expect(MASK_NOTHING, "");
	expect(MASK_NOTHING, " ");
}

static void
anywhere_in_the_text(void)
{
	expect(MASK_ALL, "execute 'select secrets.put(''a'', ''b'')'");
	expect(MASK_ALL, "do $$begin perform put('a'); end$$");
	expect(MASK_ALL, "do $$put('a')$$");
	expect(MASK_ALL, "do $x$put('a')$x$");
	expect(MASK_ALL, "do $x$table secrets.inbox$x$");
	expect(MASK_ALL, "select 1 -- put('a')");
	expect(MASK_ALL, "/* put('a') */ select 1");
	expect(MASK_ALL, "select \"put('a')\"");
	expect(MASK_ALL, "SQL statement \"select put('a', 'b')\"");
	expect(MASK_ALL, "{\"sql\": \"select \\\"put\\\"('a')\"}");
	expect(MASK_ALL, "{\"sql\": \"select\\nput\\n('a')\"}");
	expect(MASK_ALL, "{\"sql\": \"select\\u000aput('a')\"}");
	expect(MASK_ALL, "{\"sql\": \"select\\\\nput\\\\n('a')\"}");
	expect(MASK_ALL, "{\"sql\": \"insert into \\\"secrets\\\".\\\"inbox\\\"\"}");
	expect(MASK_ALL, "E'select\\nput(''a'')'");
	expect(MASK_ALL, "E'select\\012put(''a'')'");
	expect(MASK_ALL, "E'select\\x0aput(''a'')'");
	expect(MASK_ALL, "select 1put('a')");
	expect(MASK_ALL, "statement: select put('a', 'b'");
	CHECK(judged("a\0put('b')", 10, false) == MASK_ALL);
	CHECK(judged("put\0('b')", 9, false) == MASK_NOTHING);
}

static void
unicode_names(void)
{
	expect(MASK_ALL, "select U&\"\\0070ut\"('a')");
	expect(MASK_ALL, "select u&\"p\\+000075t\" ('a')");
	expect(MASK_ALL, "select U&\"put\"('a')");
	expect(MASK_ALL, "select U&\"!0070ut\" UESCAPE '!' ('a')");
	expect(MASK_ALL, "select U&\"!0070ut\" /* c */ uescape /* c */ '!'('a')");
	expect(MASK_ALL, "execute 'select U&\"!0070ut\" UESCAPE ''!'' (1)'");
	expect(MASK_ALL, "select U&\"gr\\00f6\\00df\"('a')");
	expect(MASK_ALL, "select U&\"\\0073ecrets\".inbox");
	expect(MASK_ALL, "select secrets.U&\"in\\0062ox\"");
	expect(MASK_ALL, "select U&\"\\0073ecrets\" . U&\"in\\0062ox\"");
	expect(MASK_ALL, "select U&\"keep\\005fit\"");
	expect(MASK_ALL, "select U&\"a\"\"b\"");
	expect(MASK_NOTHING, "select U&\"\\0071ut\"('a')");
	expect(MASK_NOTHING, "select U&\"\\0070ut\"");
	expect(MASK_NOTHING, "select U&\"!0070ut\" ('a')");
	expect(MASK_NOTHING, "select U&\"\\\\0070ut\" ('a')");
	expect(MASK_NOTHING, "select U&\"a\\D83D\\DE00\" ('a')");
	expect(MASK_NOTHING, "select u&1");
	/* In doubt. */
	expect(MASK_ALL, "select U&\"\\zzzz\" ('a')");
	expect(MASK_ALL, "select U&\"\\D83Da\" ('a')");
	expect(MASK_ALL, "select U&\"\\DE00\" ('a')");
	expect(MASK_ALL, "select U&\"\\+110000\" ('a')");
	expect(MASK_ALL, "select U&\"\\007");
	expect(MASK_ALL, "{\"sql\": \"select U&\\\"\\\\0070ut\\\"(1)\"}");
}

static void
relations(void)
{
	expect(MASK_ALL, "insert into secrets.inbox values ('a', 'b')");
	expect(MASK_ALL, "INSERT INTO SECRETS.INBOX");
	expect(MASK_ALL, "insert into \"secrets\".\"inbox\"");
	expect(MASK_ALL, "insert into secrets /* x */ . /* y */ -- z\n inbox");
	expect(MASK_ALL, "copy secrets.inbox(name) from stdin");
	expect(MASK_ALL, "select secrets.inbox$$");
	expect(MASK_ALL, "insert into inbox values ('a', 'b')");
	expect(MASK_ALL, "copy \"inbox\" from stdin");
	expect(MASK_ALL, "insert into /* c */ inbox");
	expect(MASK_NOTHING, "select intoo, inbox, xinto inbox");
	expect(MASK_NOTHING, "inbox");
	expect(MASK_NOTHING, "insert into public.inbox values ('a', 'b')");
	expect(MASK_NOTHING, "insert into secrets.inbox2");
	expect(MASK_NOTHING, "select secrets, inbox");
	expect(MASK_NOTHING, "select secrets.\"in\", inbox");
	expect(MASK_NOTHING, "select secrets.");
	expect(MASK_NOTHING, "select secrets . ");
	CHECK(judged("insert into inbox values (1)", 28, true) == MASK_ALL);
	CHECK(judged("insert into \"Inbox\" values (1)", 30, true) == MASK_ALL);
	CHECK(judged("insert into inboxes values (1)", 30, true) == MASK_NOTHING);
}

static void
words_of_users(void)
{
	expect(MASK_ALL, "select keep_it from t");
	expect(MASK_ALL, "keep_it");
	expect(MASK_ALL, "select 'KEEP_IT'");
	expect(MASK_NOTHING, "select keep_its from t");
	expect(MASK_ALL, "select \"Wrap\"");
	expect(MASK_ALL, "select wrap");
	expect(MASK_ALL, "select WRAP");
	expect(MASK_ALL, "select gr\xc3\xb6\xc3\x9f(1)");
	expect(MASK_ALL, "select GR\xc3\xb6\xc3\x9f (1)");
	expect(MASK_NOTHING, "select gr\xc3\x96\xc3\x9f (1)");
	expect(MASK_NOTHING, "select gr\xc3\xb6\xc3\x9f");
	expect(MASK_ALL, "select p$t(1)");
	expect(MASK_ALL, "do $$p$t(1)$$");
	expect(MASK_ALL, "select \"odd word\" (1)");
	expect(MASK_ALL, "select \"Odd Word\"(1)");
	expect(MASK_ALL, "{\"sql\": \"select \\\"odd word\\\" (1)\"}");
	expect(MASK_NOTHING, "select \"odd word\"");
	expect(MASK_NOTHING, "select \"odd word2\" (1)");
	expect(MASK_NOTHING, "select \"odd wor");
	expect(MASK_ALL, "select \"2put\" (1)");
	expect(MASK_NOTHING, "select \"a_b\"");
	expect(MASK_ALL, "select \"a\"\"b\"");
	expect(MASK_ALL, "select \"x\"\"y\", \"a\"\"b\"");
}

/* The server cuts what is longer than it has room for. */
static void
long_names(void)
{
	expect(MASK_ALL, "a_name_that_has_all_the_bytes_that_the_server_has_room_for_in_1(1)");
	expect(MASK_ALL, "a_name_that_has_all_the_bytes_that_the_server_has_room_for_in_123(1)");
	expect(MASK_NOTHING, "a_name_that_has_all_the_bytes_that_the_server_has_room_for_in_(1)");
	expect(MASK_NOTHING, "putputputputputputputputputputputputputputputputputputputputputputputput(1)");
}

/* What is not known in the schema may be put() misspelt. */
static void
misspelt(void)
{
	expect(MASK_ALL, "select secrets.putt('a', 'b')");
	expect(MASK_ALL, "select \"secrets\" . PUTS /* c */ ('a')");
	expect(MASK_ALL, "select secrets.U&\"put\\005f\" ('a')");
	expect(MASK_NOTHING, "select secrets.get('a'), secrets.\"label\"('a')");
	expect(MASK_NOTHING, "select secrets.putt, secrets.x + (1)");
	expect(MASK_NOTHING, "select other.putt('a')");
	expect_masked_and_judged("select secrets.putt('a', '~b~')");
	expect_becomes("execute 'select secrets.putt(''a'')'", "execute '*******secrets.xxxx(******'");
}

/* A gap so long that one could look at it for ever. */
static void
long_gaps(void)
{
	for (int n = 240; n < 270; n++)
	{
		snprintf(room, sizeof(room), "put%*s(1)", n, "");
		expect(MASK_ALL, room);
		snprintf(room, sizeof(room), "put%*s, 1", n, "");
		expect(n < 256 ? MASK_NOTHING : MASK_ALL, room);
	}
	expect(MASK_NOTHING, "put /* never ends (");
	expect(MASK_NOTHING, "secrets /* never ends . inbox (");
}

static void
no_words_at_all(void)
{
	MaskWords	none = {.nwords = 0};
	char		text[] = "select put('a')";

	CHECK(mask_judge(text, strlen(text), &none) == MASK_NOTHING);
	CHECK(mask_judge("alter role x password 'y'", 25, &none) == MASK_PASSWORDS);
	CHECK(mask_sql(text, strlen(text), &none, MASK_ALL) && strcmp(text, "select put('*')") == 0, "%s", text);
	CHECK(!mask_sql(text, strlen(text), &none, MASK_NOTHING) && strcmp(text, "select put('*')") == 0);
}

/* ---- what is masked ---- */

static void
literals(void)
{
	expect_masked("select '~abc~', ''");
	expect_masked("select '~a''b~', '~a\nb~'");
	expect_masked("select E'~a\\'b~', e'~\\\\~', E'~a''b~'");
	expect_masked("select U&'~d\\0061t~' , U&'~d!0061t~' UESCAPE '~!~'");
	expect_masked("select B'~01~', X'~1f~', N'~abc~', b'', x'~a~'");
	expect_masked("select $$~abc~$$, $$$$, $a$~b$$c~$a$");
	expect_masked("select $\xc3\xa4$~b$c~$\xc3\xa4$");
	expect_masked("select '~abc~'\n'~def~'");
	expect_masked("select E'~abc~'\n'~d\\\\f~'");
	expect_masked("select '~a~', true, null, x");
	expect_masked("select interval'~1 day~', date '~2020-01-01~'");
	expect_masked("select '~x~'::text, '~{}~'->'~a~', a||'~b~'");
	expect_masked("select '~\xc3\xa4\xe2\x82\xac~'");
	expect_masked("select json_object('~a~': '~b~', '~c~' value '~d~')");
}

static void
numbers(void)
{
	expect_masked("select ~1~, ~23~, ~4.5~, ~.5~, ~5.~, ~1e5~, ~1.5E-10~, -~7~");
	expect_masked("select ~0x1F~, ~0o17~, ~0b11~, ~1_000~, ~1.0_1~");
	expect_masked("for i in ~1~.~.10~");
	expect_masked("select a1, $1, $12, t.x1");
	expect_masked("select a[~1~], f(~1~)::numeric(~10~,~2~)");
	/* Else it would begin a comment. */
	expect_becomes("select 1/2, 3/45, x/.5", "select */?, */?*, x/?*");
	expect_masked("select ~25kB~, ~1or~ ~2~");
}

static void
comments(void)
{
	expect_masked("select ~1~ --~ it's 'so~\n, '~a~'");
	expect_masked("select ~1~ --~ a~\r, '~a~'");
	expect_masked("select /*~ a 'b ~*/ '~c~' /**/ /***/");
	expect_masked("/*~ a /* b */ c ~*/ '~d~'");
	expect_masked("select a+--~b~\n'~c~', a*/*~b~*/'~d~'");
	expect_masked("select @/**/ -~1~--~1~");
	expect_masked("select /*+ SeqScan(t) Rows(a b #10) */ '~x~'");
	expect_masked("select /*~+ it's ~*/ '~x~', /*~+ $1 ~*/ '~y~'");
	expect_masked("select /*~+ a /* b */ c ~*/ '~x~'");
}

static void
names_in_the_open(void)
{
	expect_masked("select secrets.put('prod/db', '~v~')");
	expect_masked("select secrets.get('a')");
	expect_masked("select \"secrets\".\"put\"('a', '~v~')");
	expect_masked("select SECRETS . /*~ c ~*/ Put ( 'a' , '~v~')");
	expect_masked("select secrets.label(/*~ c ~*/ 'a' /*~ d ~*/)");
	expect_masked("select secrets.put('a'::text, '~v~')");
	expect_masked("select secrets.put('a' :: character varying(~100~), '~v~')");
	expect_masked("select secrets.put(name => 'a', value => '~v~')");
	expect_masked("select secrets.put(value := '~v~', \"name\" := 'a')");
	expect_masked("select secrets.put(value => f('~v~'), NAME=>'a')");
	expect_masked("select secrets.put('A-Z.09_@+=-/x', '~v~')");
	expect_masked("select f(secrets.get('a'), '~v~')");
	expect_masked("select secrets.put('a', secrets.get('b'))");
	expect_masked("select secrets.put('a', ('~b~'), x[~1~], '~c~'), secrets.get(('~b~'))");
}

static void
other_names_are_masked(void)
{
	expect_masked("select put('~a~', '~v~')");
	expect_masked("select other.put('~a~')");
	expect_masked("select \"Secrets\".put('~a~')");
	expect_masked("select my.secrets.put('~a~')");
	expect_masked("select secrets.x.put('~a~')");
	expect_masked("select U&\"secrets\".put('~a~')");
	expect_masked("select secrets.put('~a~' || '~b~', '~v~')");
	expect_masked("select secrets.put('~a~' '~b~')");
	expect_masked("select secrets.put('~a~'\n'~b~')");
	expect_masked("select secrets.put('~a~'::text || '~b~')");
	expect_masked("select secrets.put(E'~a~', '~v~')");
	expect_masked("select secrets.put($$~a~$$, '~v~')");
	expect_masked("select secrets.put(lower('~a~'), '~v~')");
	expect_masked("select secrets.put(x, name => ('~a~'))");
	expect_masked("select secrets.put(x, y name => '~a~')");
	expect_masked("select secrets.put('~a b~'), secrets.put('~/a~'), secrets.put('~a/~')");
	expect_masked("select secrets.put('~a//b~'), secrets.put('~a/../b~'), secrets.put('~.~')");
	expect_masked("select secrets.put(''), secrets.put('~a''b~'), secrets.put('~\xc3\xa4~')");
	expect_masked("insert into secrets.inbox values ('~a~', '~v~')");
	expect_masked("insert into secrets.inbox ('~a~', '~v~')");
	expect_masked("update secrets.inbox set value = '~v~' where name = '~a~'");
	expect_masked("select secrets.put");
	expect_masked("select secrets.put(");
	expect_masked("secrets.put('~a~'");
}

static void
long_names_are_masked(void)
{
	for (size_t len = 510; len < 515; len++)
	{
		char		text[600] = "secrets.put('";

		memset(text + 13, 'a', len);
		strcpy(text + 13 + len, "')");
		(void) masked_as(text, strlen(text), MASK_ALL);
		CHECK(room[13] == (len <= 512 ? 'a' : '*') && room[12 + len] == room[13], "%zu: %s", len, room);
	}
}

/* Two rooms that may not know of each other say the same. */
static void
forms_of_names(void)
{
	static const char bytes[] = "ab/./.A9_@+=-/. \\'\xc3$*";

	for (int i = 0; i < 200000; i++)
	{
		char		name[8];
		size_t		len = pick(sizeof(name) + 1);

		for (size_t at = 0; at < len; at++)
			name[at] = bytes[pick(i % 2 ? 15 : sizeof(bytes))];
		CHECK(form_is_name(name, len) == name_is_valid(name, len), "%.*s", (int) len, name);
	}
}

static void
deep_parentheses(void)
{
	char		text[400] = "";

	for (int depth = 60; depth < 70; depth++)
	{
		snprintf(text, sizeof(text), "%.*s secrets.put('a', 'v')",
				 depth, "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((");
		(void) masked_as(text, strlen(text), MASK_ALL);
		CHECK(strstr(room, depth < 63 ? "('a', '*')" : "('*', '*')"), "%d: %s", depth, room);
	}
	expect_masked("))) select secrets.put('a', '~v~')");
}

/* By habit from elsewhere. */
static void
values_in_double_quotes(void)
{
	expect_masked("select secrets.put('a', \"~hunter2~\")");
	expect_masked("select put(\"~a~\", value => \"~v~\")");
	expect_masked("insert into secrets.inbox (\"name\", \"value\") values (\"~a~\", \"~v~\"), (\"~b~\", \"~w~\")");
	expect_masked("select \"put\"(\"t\".\"c\", \"f\"('~x~'), \"a\" || '~b~') from \"t\"");
	expect_masked("select f(\"a\", \"b\")");
	expect_masked_and_judged("select secrets.put('n', '~v~') as \"~put('n', 'v')~\", x as \"~f(12)~\"");
	expect_masked_and_judged("create_replication_slot \"secrets.put(~'v')~\" physical");
}

static void
bodies(void)
{
	expect_masked_and_judged("do $$ begin perform secrets.put('a', '~v~'); end $$");
	expect_masked("DO $x$ x := '~a$$b~'; $x$;");
	expect_masked("do language plpgsql $$ x := '~v~' $$");
	expect_masked("do language 'plpgsql' $$ x := '~v~' $$");
	expect_masked("do $$ x := '~v~' $$ language PLpgSQL; do $$ '~w~' $$");
	expect_masked("create function f() returns int language sql as $f$ select secrets.put('a', '~v~') $f$");
	expect_masked("create function f() returns int as $f$ select secrets.put('a', '~v~') $f$ strict language sql");
	expect_masked("do $a$ create function f() as $b$ do $c$ x := '~v~' $c$ $b$ language sql; $a$");
	expect_masked("do $a$ execute $b$~ select 'v' ~$b$ $a$");
	expect_masked("do $a$ f(do $b$~ x ~$b$) $a$");
	expect_masked("do $a$ do $b$ do $c$ do $d$ x do $e$~ y ~$e$ $d$ $c$ $b$ $a$");
	expect_masked("do '~begin null; end~'");
	expect_masked("create function f() as '~lib~', '~symbol~' language c");
}

/* Their strings are not SQL's. */
static void
bodies_in_other_languages(void)
{
	expect_masked("do $$~ x = \"v\" ~$$ language plperl");
	expect_masked("do language plpython3u $$~ x = \"v\" ~$$");
	expect_masked("create function f() as $$~ x ~$$ language '~plperl~'; do $$ x $$");
	expect_masked("do $$~ x = \"v\" ~$$ langu");
	expect_masked("create function f() as $$~ x = \"v\" ~$$");
	expect_masked("do $$~ x = \"v~");
	expect_masked("do language plpgsql $$ perform secrets.put('a', '~v~', x");
	expect_masked("select cast(x as $$~a~$$), f(language sql $$~b~$$), $$~c~$$");
}

/* ---- what is in doubt ---- */

static void
unterminated(void)
{
	expect_masked_and_judged("select secrets.put('a', '~hunter2~");
	expect_masked_and_judged("select secrets.put('a', E'~hunter2\\'), 'x~");
	expect_masked_and_judged("select secrets.put('a', $$~hunter2), 'x~");
	expect_masked_and_judged("select secrets.put('a', $x$~hunter2$y$)~");
	expect_masked_and_judged("select secrets.put('a', \"~hunter2), x~");
	expect_masked_and_judged("select secrets.put('a', /*~ hunter2, 'b'~");
	expect_masked_and_judged("select secrets.put('a', '~v'), /* /* */ 'x'~");
	expect_masked("select '");
	expect_masked("select \"");
	expect_masked("select $$");
	expect_masked("select E'~\\~");
	expect_masked("select ~1~, '~a', 'b~");
}

/* Quotes that should have been doubled. */
static void
quotes_within_values(void)
{
	expect_masked_and_judged("select secrets.put('a', '~pa'ss')~");
	expect_masked_and_judged("select secrets.put('a', '~pa' ss', 'x')~");
	expect_masked_and_judged("select secrets.put('a', '~pa'#ss'')~");
	expect_masked_and_judged("select secrets.put('a', '~don't', 'won't')~");
	expect_masked_and_judged("select secrets.put('a', '~dogs' tails' ends')~");
	expect_masked_and_judged("select secrets.put('a', '~x'y' z')~");
	expect_masked_and_judged("select secrets.put('a', '~ x' y'z ')~");
	expect_masked_and_judged("select secrets.put('a', $$~x$$y$$)~");
	expect_masked_and_judged("select secrets.put('a', $$~x$y #b~$$)");
	expect_masked_and_judged("select secrets.put('a', \"~x\"y\")~");
	expect_becomes("select secrets.put('a', \xe2\x80\x98hunter2\xe2\x80\x99)", "select secrets.put('a', '*************");
	expect_becomes("select secrets.put('a', \\'hunter2\\')", "select secrets.put('a', '***********");
	expect_masked_and_judged("select secrets.put('a', '~x'{y}'z')~");
	expect_masked_and_judged("select secrets.put('a', E'~C:\\', 'x')~");
	expect_becomes("select secrets.put('a', $x hunter2)", "select secrets.put('a', '**********");
	expect_masked_and_judged("select secrets.put('a', ~1~'~x' y)~");
	expect_masked_and_judged("select secrets.put('a', $1'~x' y)~");
	expect_masked("select re'~abc', 'd'~");
	expect_masked("select ~1e~'~x', 0xe'x'~");
	expect_becomes("do$$ begin x 'v' end $$", "'**********************");
}

/* standard_conforming_strings */
static void
backslashes_in_plain_literals(void)
{
	expect_masked_and_judged("select secrets.put('a', '~C:\\'), 'x'~");
	expect_masked_and_judged("select secrets.put('a', '~x\\'' y')~");
	expect_masked("select '~a\\\\~', x");
	expect_masked("select '~a\\b~', x");
	expect_masked("select U&'~a\\', x~");
	expect_masked("select E'~a\\\\~', E'~\\'~', x");
}

/* The words stay, so that who asks about the masked text hears the same. */
static void
a_word_stays(void)
{
	expect_masked_and_judged("execute '~select ~secrets.put(~''a'', ''b'')~'");
	expect_becomes("execute 'select put /* hunter2 */ (x)'", "execute '*******put               (**'");
	expect_becomes("execute 'insert into \"secrets\" . \"inbox\" (x)'", "execute '*************secrets  .  inbox*****'");
	expect_becomes("execute 'copy inbox from x'", "execute 'into inbox*******'");
	expect_masked_and_judged("select '~my ~keep_it~ x~'");
	expect_masked_and_judged("select ~1~ --~ ~put (~x)~");
	expect_becomes("select $$x U&\"\\0070ut\"(y)$$", "select $$*********put (**$$");
	expect_masked_and_judged("select put('~x~'), '~put(y)~'");
}

/* ---- passwords ---- */

static void
passwords(void)
{
	expect_passwords("alter role x password '~hunter2~'");
	expect_passwords("CREATE USER x WITH ENCRYPTED PASSWORD'~a''b~' VALID UNTIL 'infinity'");
	expect_passwords("alter role x password /* c */ -- d\n E'~a\\'b~' login");
	expect_passwords("alter role x password $$~a'b~$$");
	expect_passwords("alter role x password U&'~ab~'");
	expect_passwords("create user mapping for x server y options (user 'u', password '~p~')");
	expect_passwords("alter user mapping for x server y options (set \"password\" '~p~')");
	expect_passwords("alter role x password '~hunter~");
	expect_passwords("alter role x password '~it's me' login~");
	expect_passwords("alter role x password '~it' me' login~");
	expect_passwords("alter role x password '~C:\\' login~");
	expect_passwords("alter role x password '~a~'; select 'b'; alter role y password '~c~'");
	expect(MASK_ALL, "alter role x password 'a'; select put('b')");
}

static void
passwords_within_quotes(void)
{
	expect_passwords("do $$ begin alter role x password '~p~'; end $$");
	expect_passwords("do $$ begin execute 'alter role x password ''~p''''q~'' login'; end $$");
	expect_passwords("execute 'alter role x password ''~p~'''");
	expect_passwords("execute E'alter role x password \\'~p\\\\q~\\' login'");
	expect_passwords("execute 'alter role x password $p$~q~$p$'");
	expect_passwords("SQL statement \"alter role x password '~p~' login\"");
	expect_passwords("{\"sql\": \"alter role x password\\n'~p' login\"}~");
	expect_passwords("user's statement: alter role x password '~p' login~");
	expect_passwords("select /*~ a /* b */ ~password '~p' c ~*/ 'd'");
	expect_passwords("select 1 -- alter role x password '~p~' login\n");
}

/* Written by a program: the parts of a statement. */
static void
passwords_in_pieces(void)
{
	expect_passwords("execute format('alter role %I password %L', '~x~', '~p~'); select 'y'");
	expect_passwords("execute 'alter role ' || quote_ident(r) || ' password ' || quote_literal('~p~')");
	expect_passwords("execute 'alter user mapping for x options (password ''' || '~p~' || '~'')~'");
	expect_passwords("do $$ begin execute format('create role x password %L', E'~p~'); end $$");
}

static void
passwords_that_go_on(void)
{
	expect_passwords("create role x password '~p~'\n'~q~' -- c\n'~r~', 's'");
	expect_passwords("select dblink_connect('host=h password=~p~'\n'~q~')");
	expect_passwords("alter user mapping for x server y options (add U&\"p\\0061ssword\" '~p~')");
	expect_passwords("alter user mapping for x server y options (add U&\"p!0061ssword\" uescape '!' '~p~')");
}

static void
connection_strings(void)
{
	expect_passwords("create subscription s connection 'host=h password=~p q~' publication p");
	expect_passwords("alter subscription s connection 'password =~ ''p''~'");
	expect_passwords("select dblink_connect('x', 'sslpassword=~p~')");
	expect_passwords("alter subscription s connection 'postgresql://~u:p@h/d~'");
	expect_passwords("alter subscription s connection 'postgres://h/d?password=~p~'");
	expect_passwords("select dblink_connect('postgresql://u@h/d?a=b&p%61ssword=~p~')");
	expect(MASK_NOTHING, "select dblink_connect('postgresql://u@h/d?a=%61')");
	expect(MASK_NOTHING, "create subscription s connection 'host=h user=u' publication p");
	expect(MASK_NOTHING, "create subscription s connection 'postgresql://u@h/d' publication p");
	expect(MASK_NOTHING, "create subscription s connection 'postgresql://h:5432/d' publication p");
}

static void
no_passwords(void)
{
	expect(MASK_NOTHING, "alter role x password null");
	expect(MASK_NOTHING, "alter role x password ''");
	expect(MASK_NOTHING, "select password from t where password = 'x'");
	expect(MASK_NOTHING, "insert into t (password) values ('x')");
	expect(MASK_NOTHING, "select j->>'password', 'x', jsonb_build_object('password', 'y')");
	expect(MASK_NOTHING, "select 'wrong password ' || x || 'y'");
	expect(MASK_NOTHING, "select format('alter role %I password %L', x, y)");
	expect(MASK_NOTHING, "execute 'alter role x password ' || quote_literal(y)");
	expect(MASK_NOTHING, "execute 'alter role x password ' || y; select 'z'");
	expect(MASK_NOTHING, "select password_of('x'), \"Passwords\" 'y'");
	expect(MASK_NOTHING, "execute 'update t set password = $1' using 'x'");
	expect(MASK_NOTHING, "password");
}

/* ---- parameters ---- */

static void
expect_params(const char *text, uint64_t names, uint64_t values)
{
	MaskWords	known = all_words(false);
	char	   *copy = exact_copy(text, strlen(text));
	MaskParams	params = mask_find_params(copy, strlen(text), &known);

	CHECK(memcmp(copy, text, strlen(text)) == 0);
	CHECK(params.names == names && params.values == values, "%s: %#lx, %#lx", text, params.names, params.values);
	(void) mask_sql(copy, strlen(text), &known, MASK_ALL);
	params = mask_find_params(copy, strlen(text), &known);
	CHECK(params.names == names && params.values == values, "%s, masked: %#lx, %#lx", text, params.names, params.values);
	free(copy);
}

static void
which_parameters_are_names(void)
{
	expect_params("select secrets.put($1, $2)", 1, 2);
	expect_params("select secrets.put($1::text, $2::text)", 1, 2);
	expect_params("select \"secrets\" . put ( $1 /* c */ , $2)", 1, 2);
	expect_params("select secrets.put(value => $1, name => $2)", 2, 1);
	expect_params("select secrets.put(name := $3, x => $4)", 4, 8);
	expect_params("select secrets.get($1)", 1, 0);
	expect_params("select secrets.put($1, $2), secrets.get($2)", 3, 2);
	expect_params("select put($1, $2)", 0, 3);
	expect_params("select secrets.put('a', $1)", 0, 1);
	expect_params("select secrets.put('x y', $1)", 0, 1);
	expect_params("select secrets.put(lower($1), $2)", 0, 3);
	expect_params("select secrets.put(($1), $2)", 0, 3);
	expect_params("select secrets.put($1 || 'x', $2)", 0, 3);
	expect_params("select secrets.put($1::json->>'n', $1::json->>'v')", 0, 1);
	expect_params("select secrets.put(array[$1], x[$2])", 0, 3);
	expect_params("insert into secrets.inbox values ($1, $2)", 0, 3);
	expect_params("insert into secrets.inbox ($1, $2)", 0, 3);
	expect_params("update t set a = $1 where b = secrets.get($2)", 2, 1);
	expect_params("select secrets.put($64, $65), secrets.get($65), secrets.get($0), secrets.get($99999999999999999999)", (uint64_t) 1 << 63, 0);
	expect_params("select '$1', \"$1\", $$ $1 $$ -- $1", 0, 0);
	expect_params("", 0, 0);
	expect_params("select secrets.put($1, $2, 'x", 0, ~(uint64_t) 0);
	expect_params("select secrets.put($1, $2 \\ )", 0, ~(uint64_t) 0);
}

static const char *
params_masked(const char *text, size_t len, uint64_t names, uint64_t values)
{
	const MaskParams params = {names, values};
	char	   *copy = exact_copy(text, len);

	(void) mask_params(copy, len, &params);
	memcpy(room, copy, len);
	room[len] = '\0';
	CHECK(!mask_params(copy, len, &params) && memcmp(copy, room, len) == 0, "twice: %s", room);
	free(copy);
	return room;
}

static void
expect_params_masked(const char *text, uint64_t names, uint64_t values, const char *wanted)
{
	CHECK(strlen(text) == strlen(wanted), "the test itself: %s", text);
	CHECK(strcmp(params_masked(text, strlen(text), names, values), wanted) == 0, "%s: %s", text, room);
}

static void
bound_parameters(void)
{
	expect_params_masked("parameters: $1 = 'a', $2 = 'b'", 0, 3, "parameters: $1 = '*', $2 = '*'");
	expect_params_masked("Parameters: $1 = 'prod/db', $2 = 'v'", 1, 2, "Parameters: $1 = 'prod/db', $2 = '*'");
	expect_params_masked("$1 = 'prod/db', $2 = 'v'", 3, 2, "$1 = 'prod/db', $2 = '*'");
	expect_params_masked("$1 = 'no name', $2 = 'x''y', $3 = NULL", 1, 0, "$1 = '*******', $2 = '****', $3 = NULL");
	expect_params_masked("$1 = '$2 = ''x''', $2 = 'a\\'", 0, 0, "$1 = '**********', $2 = '**'");
	expect_params_masked("unnamed portal with parameters: $1 = 'abc...', $2 = '...'", 0, 0, "unnamed portal with parameters: $1 = '******', $2 = '***'");
	expect_params_masked("unnamed portal parameter $1 = 'abc'", 0, 0, "unnamed portal parameter $1 = '***'");
	expect_params_masked("portal \"it's\" parameter $2 = 'abc'", 0, 0, "portal \"it's\" parameter $2 = '***'");
	expect_params_masked("d'un param\xc3\xa8tre : $1 = 'abc'", 0, 0, "d'un param\xc3\xa8tre : $1 = '***'");
	expect_params_masked("$1 = 'abc', $2 = 'cut", 2, 0, "$1 = '***', $2 = '***");
	expect_params_masked("$1 = 'a'\nPL/pgSQL function f() line 1", 0, 0, "$1 = '*'\nPL/pgSQL function f() line 1");
	expect_params_masked("$1 = 'a'\nSQL statement \"select 'x'\"", 0, 0, "$1 = '*'\nSQL statement \"select '***");
	expect_params_masked("$1 = 12, $2 = abc, $3 = 'x'", 7, 0, "$1 = **, $2 = ***, $3 = 'x'");
	expect_params_masked("$64 = 'a', $65 = 'b', $0 = 'c'", ~(uint64_t) 0, 0, "$64 = 'a', $65 = '*', $0 = '*'");
	expect_params_masked("$18446744073709551617 = 'b'", 1, 0, "$18446744073709551617 = '*'");
	expect_params_masked("$1, $ = 'x', costs $5", 0, 0, "$1, $ = 'x', costs $5");
	expect_params_masked("$1 =", 0, 0, "$1 =");
	expect_params_masked("$1 = ", 0, 0, "$1 = ");
	expect_params_masked("$1 = '", 0, 0, "$1 = '");
	expect_params_masked("", 0, 0, "");
}

/* ---- between quotes ---- */

static void
expect_between(const char *text, const char *quotes, const char *wanted)
{
	char	   *copy = exact_copy(text, strlen(text));
	bool		is_changed = mask_between(copy, strlen(text), quotes);

	CHECK(strlen(text) == strlen(wanted), "the test itself: %s", text);
	CHECK(strncmp(copy, wanted, strlen(text)) == 0, "%s: %.*s", text, (int) strlen(text), copy);
	CHECK(is_changed == (strcmp(text, wanted) != 0));
	CHECK(!mask_between(copy, strlen(text), quotes) && strncmp(copy, wanted, strlen(text)) == 0, "twice: %s", text);
	free(copy);
}

static void
between_quotes(void)
{
	expect_between("near \"x\" at 5", "\"", "near \"*\" at 5");
	expect_between("SQL statement \"select 'a', \"b\"\"\nline 3", "\"", "SQL statement \"***************\"\nline 3");
	expect_between("\"a\" and 'b' and \"c\"", "'\"", "\"*****************\"");
	expect_between("\"a\" and 'b' x", "'\"", "\"************");
	expect_between("select 'a', $1, 'b' from t", "'$", "select '**********' from t");
	expect_between("select $$a$$ from t", "'$", "select $***********");
	expect_between("select $1, $2", "'$", "select $1, $2");
	expect_between("\"select 'a', 'b", "\"'", "\"**************");
	expect_between("it's cut", "'", "it'*****");
	expect_between("nothing", "'\"", "nothing");
	expect_between("''", "'", "''");
	expect_between("", "'", "");
}

/* ---- EXECUTE ---- */

/* The names in the text, one after the other, each with a bar. */
static void
expect_executes(const char *text, const char *wanted)
{
	char	   *copy = exact_copy(text, strlen(text));
	char		got[300] = "";
	size_t		after = 0;

	while (after < strlen(text))
	{
		size_t		before = after;
		char		name[64];

		if (mask_find_execute(copy, strlen(text), &after, name))
			strcat(strcat(got, name), "|");
		if (!CHECK(after > before, "no end: %s", text))
			break;
	}
	CHECK(strcmp(got, wanted) == 0, "%s: %s", text, got);
	free(copy);
}

static void
executes(void)
{
	expect_executes("execute p", "p|");
	expect_executes("EXECUTE P ('a', 'b')", "p|");
	expect_executes(" /* c */ execute -- d\n \"P q\"\"r\"('a;b')", "P q\"r|");
	expect_executes("execute U&\"\\0070\"(1)", "p|");
	expect_executes("execute U&\"!0070\" uescape '!' (1)", "p|");
	expect_executes("explain execute p(1)", "p|");
	expect_executes("explain analyze verbose execute p", "p|");
	expect_executes("explain (analyze, format json) execute p", "p|");
	expect_executes("create table t as execute p(1)", "p|");
	expect_executes("create temp table if not exists s.t (a, b) with (x = 1) on commit drop tablespace z as execute p(1) with no data", "p|");
	expect_executes("explain analyse create table t as execute p", "p|");
	expect_executes("select 1; execute a; ; execute b;", "a|b|");
	expect_executes("select (';'; execute x); execute a", "a|");
	expect_executes("execute gr\xc3\x96\xc3\x9f", "gr\xc3\x96\xc3\x9f|");
	expect_executes("prepare p as select 1", "");
	expect_executes("create table t as select 1; explain select 1", "");
	expect_executes("create function f() as 'execute p'", "");
	expect_executes("select execute from p", "");
	expect_executes("execute", "");
	expect_executes("execute 'p'", "");
	expect_executes("", "");
	expect_executes(";", "");
	expect_executes("execute abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnop",
					"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk|");
	expect_executes("execute \"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi\xe2\x82\xac\"",
					"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi|");
	expect_executes("execute \"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh\xe2\x82\xac\xe2\x82\xac\"",
					"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh\xe2\x82\xac|");
}

/* ---- bytes ---- */

static void
any_bytes(void)
{
	CHECK(memcmp(masked_as("'a\0b', 'c'", 10, MASK_ALL), "'***', '*'", 10) == 0, "%s", room);
	CHECK(memcmp(masked_as("'a', \0 'c'", 10, MASK_ALL), "'*********", 10) == 0, "%s", room);
	/* EUC_JP: no byte of a character is a quote. */
	expect_masked("select '~\xa4\xa7\xb0\xdc~', \xb0\xdc");
	for (int byte = 0; byte < 256; byte++)
	{
		char		text[] = "put('x', 'Z')?";

		text[13] = (char) byte;
		CHECK(judged(text, 14, false) == MASK_ALL);
		(void) masked_as(text, 14, MASK_ALL);
		CHECK(strstr(room, "put('*") == room && !memchr(room, 'Z', 13), "%d: %s", byte, room);
	}
}

/* Work grows with the text and no faster: these would take for ever. */
static void
long_texts(void)
{
	static const char *const pieces[] = {
		"put/*", "put/**/", "put ", "secrets.", "$a", "$a$", "a$", "1a", "\\n", "U&\"", "password '' ", "password $a$ ", "'' ", "as $$a$$ ",
		"do $a$", "secrets.f('a'::b.", "(", "\"odd word", "execute ", "/*", "--", "''", "\\'", "E'\\'", "language x ", "$1 = '", "'password=",
	};
	size_t		len = 200000;
	char	   *text = exact_copy(NULL, 0);

	for (size_t i = 0; i < lengthof(pieces); i++)
	{
		MaskWords	known = all_words(false);
		MaskParams	params = {1, 0};
		size_t		after = 0;
		char		name[64];

		free(text);
		text = malloc(len);
		for (size_t at = 0; at < len; at++)
			text[at] = pieces[i][at % strlen(pieces[i])];
		(void) mask_judge(text, len, &known);
		(void) mask_find_params(text, len, &known);
		while (after < len)
			(void) mask_find_execute(text, len, &after, name);
		(void) mask_params(text, len, &params);
		(void) mask_sql(text, len, &known, MASK_PASSWORDS);
		(void) mask_sql(text, len, &known, MASK_ALL);
		CHECK(mask_between(text, len, "\"") || true);
	}
	free(text);
}

/* Between the tildes stands what somebody may have forgotten to quote. */
static void
expect_unquoted(const char *marked)
{
	char		text[400];
	char		wanted[400];

	read_marked(marked, text, wanted);
	CHECK(strcmp(masked_as(text, strlen(text), MASK_UNQUOTED), wanted) == 0, "%s became\n\t%s and not\n\t%s", text, room, wanted);
	CHECK(judged(wanted, strlen(wanted), false) == MASK_ALL, "%s", wanted);
}

static void
unquoted(void)
{
	expect_unquoted("SELECT secrets.put('n', ~hunter2~)");
	expect_unquoted("SELECT secrets.put('n', ~hunter~ ~two~)");
	expect_unquoted("SELECT secrets.put('n', ~hunter~.~two~)");
	expect_unquoted("SELECT secrets.put('n', ~a~-~b~!~c~)");
	expect_unquoted("SELECT secrets.put('n', \"~hunter~\" || ~x~)");
	expect_unquoted("SELECT secrets.put(name => 'n', value => ~hunter2~)");
	expect_unquoted("SELECT secrets.put('n', value := ~hunter2~, expires_at => ~now~)");
	expect_unquoted("SELECT put('~n~', ~hunter2~), other(hunter2), hunter2 FROM t");
	expect_unquoted("SELECT put('~n~', lower(~hunter2~), pg_catalog.upper(~hunter2~), a.b.c(~x~), a /*~ x ~*/ . b (~x~))");
	expect_unquoted("INSERT INTO secrets.inbox (name, value) VALUES ('~n~', ~hunter2~)");
	expect_unquoted("SELECT secrets.put('n', ~hunter2~");
	expect_unquoted("SELECT secrets.put('~n~' ~hunter2~");
	expect_unquoted("EXECUTE stored(~hunter2~) ; SELECT secrets.put('n', $1)");
	expect_unquoted("DO $$ BEGIN PERFORM secrets.put('n', ~hunter2~); END $$");
	expect_unquoted("SELECT secrets.put('n', date'~x~' ~hunter~)");
	/* No comment begins that was none. */
	CHECK(strcmp(masked_as("SELECT secrets.put('n', a/b)", 28, MASK_UNQUOTED), "SELECT secrets.put('n', */?)") == 0, "%s", room);
	/* Of a name that is asked for as such, nothing. */
	expect_unquoted("SELECT secrets.put(my_name, ~hunter2~)");
	/* In doubt all is covered, as ever. */
	expect_unquoted("SELECT secrets.put('n', ~hun~'~ter2)~");
}

int
main(void)
{
	word_index = mask_index(words, lengthof(words));
	RUN(calls);
	RUN(anywhere_in_the_text);
	RUN(unicode_names);
	RUN(relations);
	RUN(words_of_users);
	RUN(long_names);
	RUN(misspelt);
	RUN(long_gaps);
	RUN(no_words_at_all);
	RUN(literals);
	RUN(numbers);
	RUN(comments);
	RUN(names_in_the_open);
	RUN(other_names_are_masked);
	RUN(long_names_are_masked);
	RUN(forms_of_names);
	RUN(deep_parentheses);
	RUN(values_in_double_quotes);
	RUN(bodies);
	RUN(bodies_in_other_languages);
	RUN(unterminated);
	RUN(quotes_within_values);
	RUN(backslashes_in_plain_literals);
	RUN(a_word_stays);
	RUN(passwords);
	RUN(passwords_within_quotes);
	RUN(passwords_in_pieces);
	RUN(passwords_that_go_on);
	RUN(connection_strings);
	RUN(no_passwords);
	RUN(which_parameters_are_names);
	RUN(bound_parameters);
	RUN(between_quotes);
	RUN(executes);
	RUN(any_bytes);
	RUN(long_texts);
	RUN(unquoted);
	return check_summary("mask");
}
