/*
 * fuzz_mask.c: anybody's text, and SQL of which is known where its values are.
 */
#include "property.h"

#include <strings.h>

#include "redact/judge.h"
#include "redact/mask.h"

static const MaskWord words[] = {
	{"put", MASK_CALL}, {"patch", MASK_CALL}, {"inbox", MASK_RELATION}, {"Keep_It", MASK_ANYWHERE}, {"odd word", MASK_CALL},
};

static MaskIndex word_index;
static MaskIndex no_index;

static const MaskWords known = {.words = words, .nwords = 5, .index = &word_index};
static const char *const harmless[] = {"get", "label"};

static const MaskWords in_path = {
	.words = words, .nwords = 5, .is_in_path = true, .harmless = harmless, .nharmless = 2, .index = &word_index
};
static const MaskWords none = {.nwords = 0, .index = &no_index};

extern int	LLVMFuzzerInitialize(int *argc, char ***argv);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void) argc, (void) argv;
	word_index = mask_index(words, 5);
	no_index = mask_index(words, 0);
	return 0;
}

static char *
copy_of(const char *text, size_t len)
{
	char	   *copy = exact_room(len);

	if (len > 0)
		memcpy(copy, text, len);
	return copy;
}

/* Names that have to be decoded; and UESCAPE without one, which is no SQL. */
static bool
has_decoded_name(const char *text, size_t len)
{
	for (size_t at = 0; at + 7 <= len; at++)
		if (strncasecmp(text + at, "uescape", 7) == 0)
			return true;
	return memmem(text, len, "&\"", 2) != NULL;
}

/* secrets.8f(...), which is no SQL, and masked is what it looks like. */
static bool
has_numbered_name(const char *text, size_t len)
{
	for (size_t at = 0; at + 1 < len; at++)
		if (text[at] == '.' && text[at + 1] >= '0' && text[at + 1] <= '9')
			return true;
	return false;
}

/* What is covered stays so, but for a name that is put into it; the rest is left, or covered too. */
static bool
is_no_less(const char *again, const char *masked, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (again[i] != masked[i] && !memchr("* ?'x", again[i], 5) && !memchr("* ?'", masked[i], 4))
			return false;
	return true;
}

static char *
masked_of(const char *text, size_t len, const MaskWords *which, MaskJudgement judgement)
{
	char	   *masked = copy_of(text, len);
	char	   *again;
	bool		is_changed = mask_sql(masked, len, which, judgement);

	PROPERTY(is_changed || memcmp(masked, text, len) == 0);
	again = copy_of(masked, len);
	(void) mask_sql(again, len, which, judgement);
	PROPERTY(is_no_less(again, masked, len));
	free(again);
	return masked;
}

/* ---- any text ---- */

/* Where the second name is in what begins with the first: names that are gone may not come back. */
static bool
is_part(const MaskParams *a, const MaskParams *b)
{
	return ((a->names & ~a->values) & ~(b->names & ~b->values)) == 0;
}

/* One of the words, and not something that might be one. */
static bool
names_word(const char *text, size_t len, const MaskWords *which)
{
	Finding		finding;

	return judge_find(text, len, which, &finding)
		&& (finding.word ? !finding.is_quoted : (finding.schema != NOWHERE && finding.parenthesis != NOWHERE));
}

static void
check_masked(const char *text, size_t len, const MaskWords *which)
{
	char	   *masked = masked_of(text, len, which, MASK_ALL);
	MaskJudgement before = mask_judge(text, len, which);
	MaskParams	params = mask_find_params(text, len, which);
	MaskParams	params_after = mask_find_params(masked, len, which);

	PROPERTY(!names_word(text, len, which) || has_decoded_name(text, len) || mask_judge(masked, len, which) == MASK_ALL);
	PROPERTY(is_part(&params_after, &params) || has_numbered_name(text, len));
	free(masked);
	masked = masked_of(text, len, which, MASK_UNQUOTED);
	params_after = mask_find_params(masked, len, which);
	PROPERTY(!names_word(text, len, which) || has_decoded_name(text, len) || mask_judge(masked, len, which) == MASK_ALL);
	PROPERTY(is_part(&params_after, &params) || has_numbered_name(text, len));
	free(masked);
	masked = masked_of(text, len, which, MASK_PASSWORDS);
	PROPERTY(before != MASK_NOTHING || has_decoded_name(text, len) || memcmp(masked, text, len) == 0);
	free(masked);
}

static void
check_execute(const char *text, size_t len)
{
	size_t		after = 0;

	while (after < len)
	{
		size_t		before = after;
		char	   *name = exact_room(64);

		if (mask_find_execute(text, len, &after, name))
			PROPERTY(memchr(name, '\0', 64) != NULL);
		PROPERTY(after > before && after <= len);
		free(name);
	}
}

static void
check_line(const char *text, size_t len)
{
	static const char *const quotes[] = {"'", "\"", "'\"", "'$"};
	const MaskParams params = {.names = 5, .values = 4};
	char	   *masked = copy_of(text, len);
	char	   *again;

	(void) mask_params(masked, len, &params);
	again = copy_of(masked, len);
	PROPERTY(!mask_params(again, len, &params) && memcmp(again, masked, len) == 0);
	free(again);
	free(masked);
	for (int i = 0; i < 4; i++)
	{
		masked = copy_of(text, len);
		(void) mask_between(masked, len, quotes[i]);
		again = copy_of(masked, len);
		PROPERTY(!mask_between(again, len, quotes[i]) && memcmp(again, masked, len) == 0);
		free(again);
		free(masked);
	}
}

/* ---- an oracle ---- */

/*
 * Of any text: what stands in single quotes, byte by byte, by the grammar in the
 * server's documentation; where there are no words, no names and no bodies, nothing
 * of it may be left.
 */
static bool
is_in(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool
is_namely(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || (c & 0x80);
}

/* Does what may stay in the open begin at all? */
static bool
has_exceptions(const char *text, size_t len)
{
	static const char *const exceptions[] = {"secrets", "do", "as", "language", "uescape", NULL};

	for (size_t at = 0; at < len; at++)
		for (int i = 0; exceptions[i]; i++)
		{
			size_t		n = strlen(exceptions[i]);

			if (n <= len - at && strncasecmp(text + at, exceptions[i], n) == 0)
				return true;
		}
	return false;
}

static void
check_oracle(const char *text, size_t len)
{
	char	   *masked;
	char		state = 'c';	/* code, -, *, ', e, " or $ */
	size_t		depth = 0;
	size_t		tag = 0;
	size_t		tag_len = 0;
	bool		is_name = false;	/* the byte before belongs to one */
	bool		is_alone = false;	/* and is all of it */

	if (has_exceptions(text, len))
		return;
	masked = masked_of(text, len, &none, MASK_ALL);
	for (size_t at = 0; at < len; at++)
	{
		char		c = text[at];
		char		next = at + 1 < len ? text[at + 1] : '\0';
		bool		was_name = is_name;

		is_name = state == 'c' && is_namely(c) && (was_name || !(is_in(c, "$0123456789")));
		switch (state)
		{
			case 'c':
				if (c == '\'')
					state = is_alone && is_in(text[at - 1], "eE") ? 'e' : '\'';
				else if (c == '"')
					state = '"';
				else if (c == '-' && next == '-')
					state = '-', at++;
				else if (c == '/' && next == '*')
					state = '*', depth = 1, at++;
				else if (c == '$' && !was_name)
				{
					size_t		end = at + 1;

					while (end < len && is_namely(text[end]) && text[end] != '$' && (end > at + 1 || !is_in(text[end], "0123456789")))
						end++;
					if (end < len && text[end] == '$')
						state = '$', tag = at, tag_len = end + 1 - at, at = end;
				}
				break;
			case '-':
				if (c == '\n' || c == '\r')
					state = 'c';
				else
					PROPERTY(masked[at] == '*');
				break;
			case '*':
				if (c == '/' && next == '*')
					depth++, at++;
				else if (c == '*' && next == '/')
					state = --depth == 0 ? 'c' : '*', at++;
				break;
			case '\'':
			case 'e':
				if (c == '\\' && state == 'e')
				{
					PROPERTY(masked[at] == '*' && (at + 1 == len || masked[at + 1] == '*'));
					at++;
				}
				else if (c != '\'')
					PROPERTY(masked[at] == '*');
				else if (next == '\'')
					at++;
				else
					state = 'c';
				break;
			case '"':
				if (c == '"' && next == '"')
					at++;
				else if (c == '"')
					state = 'c';
				break;
			case '$':
				if (c == '$' && tag_len <= len - at && memcmp(text + at, text + tag, tag_len) == 0)
					state = 'c', at += tag_len - 1;
				else
					PROPERTY(masked[at] == '*');
				break;
		}
		is_alone = is_name && !was_name;
	}
	free(masked);
}

/* ---- SQL whose values are known ---- */

/* Values are full of Zs, which stand nowhere else, and of what could be taken for an end. */
typedef struct Writer
{
	const uint8_t *choices;
	size_t		nchoices;
	char		text[4000];
	size_t		len;
	bool		has_words;		/* values without quotes are among them */
} Writer;

static unsigned
choose(Writer *writer, unsigned n)
{
	if (writer->nchoices == 0)
		return 0;
	writer->nchoices--;
	return *writer->choices++ % n;
}

static void
write_text(Writer *writer, const char *text)
{
	size_t		len = strlen(text);

	if (writer->len + len <= sizeof(writer->text))
	{
		memcpy(writer->text + writer->len, text, len);
		writer->len += len;
	}
}

static void
write_content(Writer *writer, const char *const *pieces, unsigned n)
{
	unsigned	count = 1 + choose(writer, 6);

	write_text(writer, "Z");
	while (count-- > 0)
		write_text(writer, pieces[choose(writer, n)]);
	write_text(writer, "Z");
}

static void
write_blank(Writer *writer)
{
	static const char *const blanks[] = {" ", "\n", "\t", " /* Z ' */ ", " -- Z '\n", "/*/* Z */ \" */", "  "};

	write_text(writer, blanks[choose(writer, 7)]);
}

static void
write_literal(Writer *writer, bool is_nested)
{
	static const char *const plain[] = {"Z", "''", "$$", "--", "/*", "*/", "\"", "\\Z", "\n", ";", ")", " put(", "$a$", "Z, ", "1", "\\''''Z"};
	static const char *const escaped[] = {"Z", "''", "\\'", "\\\\", "--", "/*", "\"", "\\n", "$$", ", ", "\\\\\\'"};
	static const char *const dollar[] = {"Z", "'", "''", "\"", "--", "/*", "\\", "$ ", "$b$", "E'", ";", "(("};

	static const char *const unquoted[] = {"Z", "ZaZ", "Z.Z", "Z::Z", "Z Z", "Z-1", "\"Z Z\"", "Z/Z", "not(Z)", "1Z"};

	switch (choose(writer, is_nested ? 6 : 7))
	{
		case 6:
			write_text(writer, "$$");
			write_content(writer, dollar, 7);
			write_text(writer, "$$");
			break;
		case 5:
			write_text(writer, unquoted[choose(writer, 10)]);
			writer->has_words = true;
			break;
		case 0:
			write_text(writer, "'");
			write_content(writer, plain, 15);
			write_text(writer, "'");
			break;
		case 1:
			write_text(writer, "E'");
			write_content(writer, escaped, 11);
			write_text(writer, "'");
			break;
		case 2:
			write_text(writer, "U&'");
			write_content(writer, plain, 15);
			write_text(writer, "'");
			break;
		case 3:
			write_text(writer, "$q$");
			write_content(writer, dollar, 12);
			write_text(writer, "$q$");
			break;
		case 4:
			write_text(writer, "N'");
			write_content(writer, plain, 16);
			write_text(writer, "'");
	}
}

static void
write_call(Writer *writer, bool is_nested)
{
	static const char *const names[] = {"secrets.put", "\"secrets\".\"put\"", "put", "Secrets . put", "x.put", "secrets.get"};
	static const char *const firsts[] = {"'prod/db'", "'a'::text", "name => 'a.b'", "name := 'x'", "$1", "lower('Z')"};
	static const char *const seconds[] = {" || ", "::text, ", ", value => ", ", ", "::varchar(10) , ", " = "};
	unsigned	count = 1 + choose(writer, 3);

	write_text(writer, names[choose(writer, 6)]);
	write_text(writer, "(");
	write_text(writer, firsts[choose(writer, 6)]);
	write_text(writer, ", ");
	while (count-- > 0)
	{
		write_literal(writer, is_nested);
		write_text(writer, seconds[choose(writer, 6)]);
		write_blank(writer);
	}
	write_literal(writer, is_nested);
	write_text(writer, ")");
}

static void
write_statement(Writer *writer, int nbodies)
{
	switch (choose(writer, nbodies < 1 ? 7 : 3))
	{
		case 0:
			write_text(writer, "select a$b, \"x\"\"y'\",");
			write_call(writer, nbodies > 0);
			write_text(writer, " from t where x=1/2");
			break;
		case 1:
			write_text(writer, "insert into secrets.inbox values (");
			write_literal(writer, nbodies > 0);
			write_text(writer, ",");
			write_literal(writer, nbodies > 0);
			write_text(writer, ")");
			break;
		case 2:
			write_text(writer, "call");
			write_blank(writer);
			write_call(writer, nbodies > 0);
			break;
		case 3:
			write_text(writer, "do $body$ begin ");
			write_statement(writer, nbodies + 1);
			write_text(writer, "; end $body$");
			break;
		case 4:
			write_text(writer, "create function f() returns void as $body$ begin ");
			write_statement(writer, nbodies + 1);
			write_text(writer, "; end $body$ language plpgsql");
			break;
		case 5:
			write_text(writer, "do language plperl $body$ Z = \"Z'\" $body$");
			break;
		default:
			write_text(writer, "do $body$ Z = \"Z'\" $body$ language plperl");
	}
}

static void
check_statements(const uint8_t *choices, size_t n)
{
	Writer		writer = {.choices = choices, .nchoices = n};
	char	   *masked;
	size_t		cut;

	do
	{
		write_statement(&writer, 0);
		write_text(&writer, ";\n");
	} while (writer.nchoices > 0 && writer.len < 2000);
	cut = choose(&writer, 2) ? writer.len : writer.len - writer.len / 3;
	/* A body that was cut right behind it may be one of any language. */
	while (cut > 0 && strchr(" \n;", writer.text[cut - 1]))
		cut--;
	if (cut >= 6 && memcmp(writer.text + cut - 6, "$body$", 6) == 0)
		cut--;
	masked = masked_of(writer.text, cut, &known, writer.has_words ? MASK_UNQUOTED : MASK_ALL);
	if (memchr(masked, 'Z', cut))
		fprintf(stderr, "%.*s\n%.*s\n", (int) cut, writer.text, (int) cut, masked);
	PROPERTY(!memchr(masked, 'Z', cut));
	free(masked);
	check_masked(writer.text, cut, &known);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text;

	if (size == 0)
		return 0;
	if (data[0] % 4 == 0)
	{
		check_statements(data + 1, size - 1);
		return 0;
	}
	text = copy_of((const char *) data + 1, size - 1);
	check_masked(text, size - 1, data[0] % 4 == 1 ? &known : &in_path);
	check_execute(text, size - 1);
	check_line(text, size - 1);
	check_oracle(text, size - 1);
	free(text);
	return 0;
}
