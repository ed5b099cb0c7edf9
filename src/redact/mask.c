/*
 * redact/mask.c
 */
#include <string.h>

#include "redact/cover.h"
#include "redact/form.h"
#include "redact/judge.h"
#include "redact/mask.h"
#include "redact/passwords.h"
#include "redact/token.h"

#define SCHEMA		"secrets"
#define UNKNOWN		'x'			/* what functions are called that are not in it */

/* Bodies within bodies that are masked as SQL; what lies deeper is covered whole. */
#define MOST_BODIES 4

/* Parentheses of which is known what stands before them. */
#define MOST_DEPTH	64

/* A type that an argument is cast to is not longer than that. */
#define LONGEST_TYPE 100

/* In which language a statement has its body. */
typedef enum Language
{
	LANGUAGE_UNKNOWN,
	LANGUAGE_SQL,				/* or PL/pgSQL: what is a literal there is one here */
	LANGUAGE_OTHER,
} Language;

#define NBACK 5

/* Code that is read token by token. */
typedef struct Walk
{
	Cover	   *cover;
	size_t		end;
	int			nbodies;		/* around it */
	Token		before;
	Token		back[NBACK];	/* before it, newest first, but for comments */
	int			depth;			/* parentheses and brackets that are open */
	uint64_t	calls;			/* a bit each: that one belongs to secrets.f */
	uint64_t	protected;		/* or to a word, or to VALUES */
	bool		has_values;
	bool		has_glued_word;	/* a word that is glued to a number is before it */
	Language	language;		/* of this statement's body, as far as it was read */
	Language	language_ahead; /* and as far as its end */
	bool		has_looked_ahead;
	MaskParams *params;			/* asked for, or NULL */
} Walk;

static bool
is_sign(const Walk *walk, int back, char sign)
{
	const Token *token = &walk->back[back];

	return token->kind == TOKEN_SIGN && walk->cover->text[token->from] == sign;
}

static bool
is_word(const Walk *walk, int back, const char *word)
{
	return token_is_word(&walk->back[back], walk->cover->text, word);
}

static bool
is_any_name(const Token *token)
{
	return token->kind == TOKEN_NAME || token->kind == TOKEN_QUOTED_NAME;
}

/* ---- parentheses ---- */

static bool
equals(const Token *token, const char *text, const char *name)
{
	size_t		len = strlen(name);

	if (!is_any_name(token) || token->inner_to - token->inner_from != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (byte_to_lower(text[token->inner_from + i]) != byte_to_lower(name[i]))
			return false;
	return true;
}

static bool
is_one_of(const Walk *walk, const Token *token, bool relations)
{
	const MaskWords *words = walk->cover->words;

	for (int i = 0; i < words->nwords; i++)
		if ((words->words[i].kind == MASK_RELATION) == relations && equals(token, walk->cover->text, words->words[i].name))
			return true;
	return false;
}

/* Behind secrets.f, "secrets"."f" and so on, but no relation. */
static bool
is_call_of_ours(const Walk *walk)
{
	return is_any_name(&walk->back[0]) && is_sign(walk, 1, '.') && is_word(walk, 2, SCHEMA) && !is_sign(walk, 3, '.')
		&& !is_one_of(walk, &walk->back[0], true);
}

static bool
has_bit(const Walk *walk, uint64_t bits)
{
	return walk->depth < MOST_DEPTH && (bits >> walk->depth & 1);
}

static void
open_parenthesis(Walk *walk, char sign)
{
	bool		is_call = sign == '(' && is_call_of_ours(walk);
	bool		is_protected = is_call || walk->has_values || has_bit(walk, walk->protected)
		|| walk->has_glued_word || is_one_of(walk, &walk->back[0], false) || is_word(walk, 1, "execute");
	uint64_t	bit;

	if (++walk->depth >= MOST_DEPTH)
		return;
	bit = (uint64_t) 1 << walk->depth;
	walk->calls = is_call ? walk->calls | bit : walk->calls & ~bit;
	walk->protected = is_protected ? walk->protected | bit : walk->protected & ~bit;
}

static void
end_statement(Walk *walk)
{
	walk->has_values = false;
	walk->language = LANGUAGE_UNKNOWN;
	walk->has_looked_ahead = false;
}

static void
visit_sign(Walk *walk, const Token *token)
{
	char		sign = walk->cover->text[token->from];

	if (sign == '(' || sign == '[')
		open_parenthesis(walk, sign);
	else if ((sign == ')' || sign == ']') && walk->depth > 0)
		walk->depth--;
	else if (sign == ';' && walk->depth == 0)
		end_statement(walk);
}

/* ---- arguments ---- */

/* => or :=, which are two tokens here. */
static bool
is_behind_arrow(const Walk *walk)
{
	return ((is_sign(walk, 0, '>') && is_sign(walk, 1, '=')) || (is_sign(walk, 0, '=') && is_sign(walk, 1, ':')))
		&& walk->back[1].to == walk->back[0].from;
}

/* Does the name of a secret begin here?  The first argument of secrets.f, or name => of it. */
static bool
is_at_name(const Walk *walk)
{
	if (!has_bit(walk, walk->calls))
		return false;
	if (is_sign(walk, 0, '('))
		return true;
	return is_behind_arrow(walk) && is_word(walk, 2, "name") && (is_sign(walk, 3, '(') || is_sign(walk, 3, ','));
}

static Token
next_significant(const Walk *walk, size_t at)
{
	Token		token;

	do
	{
		token = token_next(walk->cover->text, walk->end, at);
		at = token.to;
	} while (token_is_comment(&token));
	return token;
}

/* Of plain letters, so that nothing about it can be in doubt. */
static bool
is_plain_name(const Token *token, const char *text)
{
	if (token->kind != TOKEN_NAME)
		return false;
	for (size_t at = token->from; at < token->to; at++)
		if (text[at] == '$' || (unsigned char) text[at] > 127)
			return false;
	return true;
}

/* Numbers may have been masked. */
static bool
is_of_type(const Token *token, const char *text)
{
	if (token->kind == TOKEN_SIGN)
		return text[token->from] != '\0' && strchr(".,()[]*", text[token->from]);
	return token->kind == TOKEN_NUMBER || is_plain_name(token, text);
}

/* Only what types are written with, up to the end of the argument. */
static bool
is_cast_to_type(const Walk *walk, size_t from)
{
	const char *text = walk->cover->text;
	Token		token = next_significant(walk, from);
	int			depth = 0;

	for (bool is_first = true; token.to - from <= LONGEST_TYPE; is_first = false)
	{
		char		sign = token.kind == TOKEN_SIGN ? text[token.from] : '\0';

		if (depth == 0 && (sign == ',' || sign == ')'))
			return !is_first;
		if (!is_of_type(&token, text))
			return false;
		depth += (sign == '(') - (sign == ')');
		token = next_significant(walk, token.to);
	}
	return false;
}

/* Does the argument end there, but for a cast? */
static bool
ends_argument(const Walk *walk, size_t at)
{
	const char *text = walk->cover->text;
	Token		token = next_significant(walk, at);

	if (token.kind != TOKEN_SIGN)
		return false;
	if (text[token.from] == ',' || text[token.from] == ')')
		return true;
	return text[token.from] == ':' && token.to < walk->end && text[token.to] == ':' && is_cast_to_type(walk, token.to + 1);
}

static bool
is_name_of_secret(const Walk *walk, const Token *token)
{
	return token->kind == TOKEN_PLAIN && is_at_name(walk)
		&& form_is_name(walk->cover->text + token->inner_from, token->inner_to - token->inner_from)
		&& ends_argument(walk, token->to);
}

/* "..." for '...', by habit from elsewhere: alone, between commas or parentheses, in a call that takes a value. */
static bool
is_taken_for_literal(const Walk *walk, const Token *token)
{
	const char *text = walk->cover->text;
	Token		next;

	if (!has_bit(walk, walk->protected) || !(is_sign(walk, 0, '(') || is_sign(walk, 0, ',') || is_behind_arrow(walk)))
		return false;
	next = next_significant(walk, token->to);
	return next.kind == TOKEN_SIGN && (text[next.from] == ',' || text[next.from] == ')');
}

static bool
begins_with(const Walk *walk, const Token *token, const char *sign)
{
	size_t		len = strlen(sign);

	return token->kind == TOKEN_SIGN && len <= walk->end - token->from
		&& memcmp(walk->cover->text + token->from, sign, len) == 0;
}

/* Of a function that is called: f(, s.f(, d.s.f(. */
static bool
is_of_call(const Walk *walk, const Token *name)
{
	Token		token = next_significant(walk, name->to);

	for (int i = 0; i < 2 && begins_with(walk, &token, "."); i++)
	{
		token = next_significant(walk, token.to);
		if (!is_any_name(&token))
			return false;
		token = next_significant(walk, token.to);
	}
	return begins_with(walk, &token, "(");
}

static bool
is_of_argument(const Walk *walk, const Token *name)
{
	Token		token = next_significant(walk, name->to);

	return begins_with(walk, &token, "=>") || begins_with(walk, &token, ":=");
}

/* date'...' */
static bool
is_prefix_of_literal(const Walk *walk, const Token *name)
{
	Token		token = token_next(walk->cover->text, walk->end, name->to);

	return token_is_literal(&token) && token.from == name->to && cover_is_prefix(walk->cover, name);
}

/* put('n', hunter2) */
static bool
is_unquoted_value(const Walk *walk, const Token *token)
{
	return walk->cover->has_words && (walk->depth >= MOST_DEPTH || has_bit(walk, walk->protected)) && !is_at_name(walk)
		&& !is_of_call(walk, token) && !is_of_argument(walk, token) && !is_prefix_of_literal(walk, token);
}

/* ---- bodies ---- */

static void mask_code(Cover *cover, size_t from, size_t end, int nbodies);

static bool
is_sql(const Token *token, const char *text)
{
	static const char *const names[] = {"sql", "plpgsql"};
	size_t		len = token->inner_to - token->inner_from;

	for (int i = 0; i < 2; i++)
	{
		size_t		at = 0;

		while (at < len && names[i][at] && byte_to_lower(text[token->inner_from + at]) == names[i][at])
			at++;
		if (at == len && names[i][at] == '\0')
			return true;
	}
	return false;
}

static bool
is_language(const Walk *walk, const Token *token)
{
	return is_word(walk, 0, "language") && (is_any_name(token) || token->kind == TOKEN_PLAIN);
}

static void
note_language(Walk *walk, const Token *token)
{
	if (is_language(walk, token))
		walk->language = is_sql(token, walk->cover->text) ? LANGUAGE_SQL : LANGUAGE_OTHER;
}

/*
 * LANGUAGE behind the body; where there is something else, it may have been cut.
 * Once a statement, so that all of it is work of one more reading.
 */
static Language
look_ahead(Walk *walk, size_t at)
{
	Walk		ahead = {.cover = walk->cover, .end = walk->end};

	if (walk->has_looked_ahead)
		return walk->language_ahead;
	for (;;)
	{
		Token		token = next_significant(walk, at);

		if (token.kind == TOKEN_END || (token.kind == TOKEN_SIGN && walk->cover->text[token.from] == ';'))
			break;
		note_language(&ahead, &token);
		ahead.back[0] = token;
		at = token.to;
	}
	if (ahead.language == LANGUAGE_UNKNOWN && ahead.back[0].kind != TOKEN_END)
		ahead.language = LANGUAGE_OTHER;
	walk->has_looked_ahead = true;
	return walk->language_ahead = ahead.language;
}

static bool
is_body(const Walk *walk)
{
	return walk->depth == 0 && walk->nbodies < MOST_BODIES
		&& (is_word(walk, 0, "do") || is_word(walk, 0, "as") || is_word(walk, 1, "language"));
}

/*
 * Is it one that can be read?  Where its language is not said before it, that
 * hangs on what follows: so it must be there, and what is left of the text when
 * the rest is in doubt says no more of the body either.
 */
static bool
is_readable_body(Walk *walk, const Token *token)
{
	Language	language = walk->language;

	if (!is_body(walk))
		return false;
	if (language == LANGUAGE_UNKNOWN && token->is_terminated)
	{
		language = look_ahead(walk, token->to);
		if (language == LANGUAGE_UNKNOWN && is_word(walk, 0, "do"))
			language = LANGUAGE_SQL;
		if (language == LANGUAGE_SQL)
			cover_note_value(walk->cover, token->inner_from);
	}
	return language == LANGUAGE_SQL;
}

/* ---- covering ---- */

/*
 * After a slash, an asterisk would begin a comment; and what is no name of a type
 * is not to become one (is_of_type).
 */
static void
cover_word(Cover *cover, const Token *token)
{
	bool		is_after_slash = token->from > 0 && cover->text[token->from - 1] == '/';
	bool		is_odd_name = token->kind == TOKEN_NAME && !is_plain_name(token, cover->text);

	cover_range(cover, token->from + 1, token->to);
	cover_byte(cover, token->from, is_after_slash || is_odd_name ? '?' : '*');
}

static void
cover_value(Cover *cover, const Token *token)
{
	cover_note_value(cover, token->inner_from);
	cover_range(cover, token->inner_from, token->inner_to);
}

/* What tells a planner what to do has no quotes of the kinds that values have. */
static bool
is_hint(const Token *token, const char *text)
{
	size_t		len = token->inner_to - token->inner_from;

	if (token->kind != TOKEN_BLOCK_COMMENT || len == 0 || text[token->inner_from] != '+')
		return false;
	for (size_t at = token->inner_from; at < token->inner_to; at++)
		if (text[at] == '\0' || strchr("'$\\/", text[at]))
			return false;
	return true;
}

static bool
is_language_of_sql(const Walk *walk, const Token *token)
{
	return is_language(walk, token) && is_sql(token, walk->cover->text);
}

/* U&"..." UESCAPE '!' */
static bool
is_escape_of_name(const Walk *walk, const Token *token)
{
	return is_word(walk, 0, "uescape") && walk->back[1].kind == TOKEN_QUOTED_NAME && token->inner_to == token->inner_from + 1;
}

/* What tools call a column by: the expression, with its literals. */
static bool
quotes_code(const Token *token, const char *text)
{
	for (size_t at = token->inner_from; at < token->inner_to; at++)
		if (text[at] == '\'' || text[at] == '$' || text[at] == '(')
			return true;
	return false;
}

static bool
has_odd_bytes(const Token *token, const char *text)
{
	for (size_t at = token->inner_from; at < token->inner_to; at++)
		if (!byte_is(text[at], BYTE_NAME))
			return true;
	return false;
}

static void
visit_quoted_name(Walk *walk, const Token *token)
{
	if (is_taken_for_literal(walk, token) || quotes_code(token, walk->cover->text) || is_unquoted_value(walk, token))
		cover_value(walk->cover, token);
	else if (has_odd_bytes(token, walk->cover->text))
		cover_note_value(walk->cover, token->inner_from);
}

/* 1put( is seen by who judges. */
static void
visit_number(Walk *walk, const Token *token)
{
	Token		name = *token;

	while (name.inner_from < name.to && byte_is(walk->cover->text[name.inner_from], BYTE_DIGIT))
		name.inner_from++;
	name.kind = TOKEN_NAME;
	walk->has_glued_word = is_one_of(walk, &name, false);
	cover_word(walk->cover, token);
}

static void
visit_name(Walk *walk, const Token *token)
{
	walk->has_values |= token_is_word(token, walk->cover->text, "values");
	if (walk->params == NULL && is_unquoted_value(walk, token))
		cover_word(walk->cover, token);
}

static void
visit_literal(Walk *walk, const Token *token)
{
	Cover	   *cover = walk->cover;

	if (token->kind == TOKEN_DOLLAR && is_readable_body(walk, token))
		mask_code(cover, token->inner_from, token->inner_to, walk->nbodies + 1);
	else if (!is_name_of_secret(walk, token) && !is_language_of_sql(walk, token) && !is_escape_of_name(walk, token))
		cover_value(cover, token);
}

static void
visit_param(Walk *walk, const Token *token)
{
	uint64_t	number = 0;
	uint64_t	bit;

	if (walk->params == NULL)
		return;
	for (size_t at = token->from + 1; at < token->to && number <= 64; at++)
		number = 10 * number + (uint64_t) (walk->cover->text[at] - '0');
	if (number == 0 || number > 64)
		return;
	bit = (uint64_t) 1 << (number - 1);
	if (is_at_name(walk) && ends_argument(walk, token->to))
		walk->params->names |= bit;
	else
		walk->params->values |= bit;
}

static void
visit(Walk *walk, const Token *token)
{
	note_language(walk, token);
	if (token->kind == TOKEN_SIGN)
		visit_sign(walk, token);
	else if (token->kind == TOKEN_PARAM)
		visit_param(walk, token);
	else if (token->kind == TOKEN_NAME)
		visit_name(walk, token);
	else if (walk->params)
		return;
	else if (token_is_literal(token))
		visit_literal(walk, token);
	else if (token->kind == TOKEN_QUOTED_NAME)
		visit_quoted_name(walk, token);
	else if (token->kind == TOKEN_NUMBER)
		visit_number(walk, token);
}

static void
remember(Walk *walk, const Token *token)
{
	walk->before = *token;
	if (token_is_comment(token))
		return;
	walk->has_glued_word &= token->kind == TOKEN_NUMBER;
	memmove(walk->back + 1, walk->back, (NBACK - 1) * sizeof(Token));
	walk->back[0] = *token;
}

/* A body whose end is missing is code for all that. */
static bool
is_cut_body(Walk *walk, const Token *token)
{
	return token->kind == TOKEN_DOLLAR && !token->is_terminated && is_readable_body(walk, token);
}

static void
walk_code(Walk *walk, size_t at)
{
	Cover	   *cover = walk->cover;

	while (cover->doubt == NO_PLACE)
	{
		Token		token = token_next(cover->text, walk->end, at);

		if (token.kind == TOKEN_END || (!is_cut_body(walk, &token) && cover_doubts(cover, &walk->before, &token)))
			return;
		if (!token_is_comment(&token))
			visit(walk, &token);
		else if (!is_hint(&token, cover->text) && walk->params == NULL)
			cover_range(cover, token.inner_from, token.inner_to);
		remember(walk, &token);
		at = token.to;
	}
}

static void
mask_code(Cover *cover, size_t from, size_t end, int nbodies)
{
	Walk		walk = {.cover = cover, .end = end, .nbodies = nbodies};

	walk_code(&walk, from);
}

/* ---- what it was ---- */

/*
 * One of the words, or a function of the schema that nobody knows.  The quotes of
 * what can be written in quotes only might end what it stands in.
 */
static bool
can_uncover(const Finding *finding)
{
	if (finding->word)
		return !finding->is_quoted;
	return finding->schema != NOWHERE && finding->parenthesis != NOWHERE;
}

/* Its last bytes are where they were, so that no gap becomes longer. */
static size_t
name_from(const Finding *finding)
{
	size_t		len = finding->word ? strlen(finding->word->name) : 0;

	return len > 0 && len < finding->name_end - finding->name ? finding->name_end - len : finding->name;
}

static size_t
found_from(const Finding *finding)
{
	if (finding->into != NOWHERE)
		return finding->into;
	if (finding->schema != NOWHERE)
		return finding->schema;
	return name_from(finding);
}

static size_t
found_to(const Finding *finding)
{
	return finding->parenthesis != NOWHERE ? finding->parenthesis + 1 : finding->name_end;
}

/* In a place that was covered. */
static void
write_back(Cover *cover, size_t at, char byte)
{
	if (at < cover->len && cover->text[at] == ' ')
		cover_byte(cover, at, byte);
}

static void
write_word_back(Cover *cover, size_t at, const char *word)
{
	for (; at != NOWHERE && *word; word++)
		write_back(cover, at++, *word);
}

static void
write_name_back(Cover *cover, const Finding *finding)
{
	size_t		from = name_from(finding);

	if (finding->word)
		write_word_back(cover, from, finding->word->name);
	else
		for (size_t at = from; at < finding->name_end; at++)
			write_back(cover, at, UNKNOWN);
}

static bool
is_in_word(size_t at, size_t from, const char *word)
{
	return from != NOWHERE && at >= from && at - from < strlen(word);
}

/* Between its words, where a comment begins or ends: that goes on being none of the code around it. */
static bool
is_of_comment(const Cover *cover, const Finding *finding, size_t at)
{
	if ((at >= name_from(finding) && at < finding->name_end) || is_in_word(at, finding->schema, SCHEMA) || is_in_word(at, finding->into, "into"))
		return false;
	return (at > 0 && cover->text[at - 1] == '/') || (at + 1 < cover->len && cover->text[at + 1] == '/');
}

/*
 * Where all that named a word stood in literals or comments, one is uncovered, so
 * that the text is still seen for what it is: by whoever asks about parameters.
 */
static void
uncover(Cover *cover, const Finding *finding)
{
	for (size_t at = found_from(finding); at < found_to(finding) && at < cover->len; at++)
		if ((cover->text[at] == '*' && !is_of_comment(cover, finding, at)) || cover->text[at] == '?')
			cover_byte(cover, at, ' ');
	write_word_back(cover, finding->into, "into");
	write_word_back(cover, finding->schema, SCHEMA);
	write_word_back(cover, finding->dot, ".");
	write_word_back(cover, finding->parenthesis, "(");
	write_name_back(cover, finding);
}

static void
keep_judgement(Cover *cover, const Finding *before)
{
	Finding		after;

	if (can_uncover(before) && cover->is_changed && !judge_find(cover->text, cover->len, cover->words, &after))
		uncover(cover, before);
}

static void
mask_all(Cover *cover)
{
	Finding		finding;

	(void) judge_find(cover->text, cover->len, cover->words, &finding);
	mask_code(cover, 0, cover->len, 0);
	cover_doubtful(cover, found_from(&finding), can_uncover(&finding) ? found_to(&finding) : 0);
	keep_judgement(cover, &finding);
}

static void
mask_passwords(Cover *cover)
{
	passwords_cover(cover);
	cover_doubtful(cover, 0, 0);
}

/* ---- doors ---- */

bool
mask_sql(char *text, size_t len, const MaskWords *words, MaskJudgement judgement)
{
	Cover		cover = {.text = text, .len = len, .words = words, .first = NO_PLACE, .doubt = NO_PLACE};

	cover.has_words = judgement == MASK_UNQUOTED;
	if (judgement == MASK_ALL || judgement == MASK_UNQUOTED)
		mask_all(&cover);
	else if (judgement == MASK_PASSWORDS)
		mask_passwords(&cover);
	return cover.is_changed;
}

MaskJudgement
mask_judge(const char *text, size_t len, const MaskWords *words)
{
	Finding		finding;

	if (judge_find(text, len, words, &finding))
		return MASK_ALL;
	return finding.has_password && passwords_are_in(text, len) ? MASK_PASSWORDS : MASK_NOTHING;
}

MaskParams
mask_find_params(const char *text, size_t len, const MaskWords *words)
{
	/* Nothing is written where parameters are asked for. */
	Cover		cover = {.text = (char *) text, .len = len, .words = words, .first = NO_PLACE, .doubt = NO_PLACE};
	MaskParams	params = {0, 0};
	Walk		walk = {.cover = &cover, .end = len, .params = &params};

	walk_code(&walk, 0);
	if (cover.doubt != NO_PLACE)
		return (MaskParams) {.names = 0, .values = ~(uint64_t) 0};
	return params;
}
