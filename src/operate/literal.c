/*
 * operate/literal.c
 *
 * Not the parser: bodies of functions are in languages of their own, and a view's
 * tree has its literals as constants, among others.  What is ours is written
 * secrets.f, so that much is looked for.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "redact/token.h"

#include "operate/literal.h"

/* Strings in strings: EXECUTE 'SELECT secrets.put(...)'. */
#define DEEPEST 4

/* A call is read as far as so many tokens: else, of calls that stand in each other, each would be read to the end. */
#define MOST_OF_A_CALL 2000

typedef struct Sql
{
	const char *text;
	Token	   *tokens;
	int			n;				/* of them, without comments; the last is the end */
} Sql;

static void
read_sql(const char *text, Size len, Sql *sql)
{
	int			room = 64;
	size_t		at = 0;

	sql->text = text;
	sql->tokens = palloc(sizeof(Token) * (Size) room);
	sql->n = 0;
	do
	{
		CHECK_FOR_INTERRUPTS();
		if (sql->n == room)
			sql->tokens = repalloc(sql->tokens, sizeof(Token) * (Size) (room *= 2));
		sql->tokens[sql->n] = token_next(text, len, at);
		at = sql->tokens[sql->n].to;
		if (!token_is_comment(&sql->tokens[sql->n]))
			sql->n++;
	} while (sql->tokens[sql->n > 0 ? sql->n - 1 : 0].kind != TOKEN_END);
}

static bool
is_end(const Sql *sql, int at)
{
	return at >= sql->n - 1;
}

static bool
is_word(const Sql *sql, int at, const char *word)
{
	return !is_end(sql, at) && token_is_word(&sql->tokens[at], sql->text, word);
}

static bool
is_name(const Sql *sql, int at)
{
	return !is_end(sql, at) && (sql->tokens[at].kind == TOKEN_NAME || sql->tokens[at].kind == TOKEN_QUOTED_NAME);
}

static bool
is_sign(const Sql *sql, int at, char sign)
{
	return !is_end(sql, at) && sql->tokens[at].kind == TOKEN_SIGN && sql->text[sql->tokens[at].from] == sign;
}

static bool
is_literal(const Sql *sql, int at)
{
	return !is_end(sql, at) && token_is_literal(&sql->tokens[at]);
}

/* '' is a value, but no secret. */
static bool
is_full_literal(const Sql *sql, int at)
{
	return is_literal(sql, at) && sql->tokens[at].inner_to > sql->tokens[at].inner_from;
}

/* What a string says: quotes are doubled in it, and after E there may be backslashes. */
static char *
read_literal(const Sql *sql, int at)
{
	const Token *token = &sql->tokens[at];
	char	   *text = palloc(token->inner_to - token->inner_from + 1);
	Size		n = 0;

	for (size_t i = token->inner_from; i < token->inner_to; i++)
	{
		bool		doubled = token->kind != TOKEN_DOLLAR && sql->text[i] == '\''
			&& i + 1 < token->inner_to && sql->text[i + 1] == '\'';
		bool		escaped = token->kind == TOKEN_ESCAPED && sql->text[i] == '\\' && i + 1 < token->inner_to;

		if (doubled || escaped)
			i++;
		text[n++] = sql->text[i];
	}
	text[n] = '\0';
	return text;
}

/* ---- expressions ---- */

/* The comma, parenthesis or semicolon that ends the expression which begins there. */
static int
skip_expression(const Sql *sql, int at)
{
	int			depth = 0;

	for (; !is_end(sql, at); at++)
	{
		if (is_sign(sql, at, '(') || is_sign(sql, at, '['))
			depth++;
		else if (depth > 0 && (is_sign(sql, at, ')') || is_sign(sql, at, ']')))
			depth--;
		else if (depth == 0 && (is_sign(sql, at, ',') || is_sign(sql, at, ')') || is_sign(sql, at, ';')))
			break;
	}
	return at;
}

/* 'x', 'x'::text, text 'x', CAST('x' AS text), ('x'). */
static bool
is_constant(const Sql *sql, int from, int to)
{
	while (from < to && (is_sign(sql, from, '(') || (is_name(sql, from) && is_sign(sql, from + 1, '('))))
	{
		if (is_name(sql, from) && !is_word(sql, from, "cast"))
			return false;
		from++;
	}
	if (is_name(sql, from) && is_literal(sql, from + 1))
		from++;
	if (from >= to || !is_full_literal(sql, from))
		return false;
	for (from++; from < to; from++)
		if (!is_name(sql, from) && sql->tokens[from].kind != TOKEN_NUMBER
			&& strchr(":()[].,", sql->text[sql->tokens[from].from]) == NULL)
			return false;
	return true;
}

/* name => or name := before an argument. */
static bool
is_named(const Sql *sql, int at)
{
	return is_name(sql, at) && ((is_sign(sql, at + 1, '=') && is_sign(sql, at + 2, '>'))
								|| (is_sign(sql, at + 1, ':') && is_sign(sql, at + 2, '=')));
}

/* Of the list that begins behind its parenthesis: the number of an entry, or of the argument of that name. */
static bool
has_constant(const Sql *sql, int at, int number, const char *name)
{
	for (int n = 1; !is_end(sql, at); n++)
	{
		int			end = skip_expression(sql, at);
		bool		named = name && is_named(sql, at);

		if (named ? is_word(sql, at, name) : n == number)
			return is_constant(sql, named ? at + 3 : at, end);
		if (!is_sign(sql, end, ','))
			break;
		at = end + 1;
	}
	return false;
}

/* ---- ours ---- */

/* Behind secrets.f, or -1. */
static int
match_ours(const Sql *sql, int at, const char *name)
{
	return is_word(sql, at, "secrets") && is_sign(sql, at + 1, '.') && is_word(sql, at + 2, name) ? at + 3 : -1;
}

static bool
calls_with_constant(const Sql *sql, int at, const ValueTaker *taker)
{
	int			list = match_ours(sql, at, taker->name);

	return list > 0 && is_sign(sql, list, '(') && has_constant(sql, list + 1, taker->number, taker->value);
}

/* Where the column stands in the list behind the parenthesis; 0: it does not. */
static int
find_column(const Sql *sql, int at, const char *column)
{
	for (int n = 1; is_name(sql, at); n++)
	{
		if (is_word(sql, at, column))
			return n;
		at = skip_expression(sql, at);
		if (!is_sign(sql, at, ','))
			break;
		at++;
	}
	return 0;
}

/* INSERT INTO secrets.inbox (...) VALUES (...), (...), or SELECT ..., .... */
static bool
inserts_constant(const Sql *sql, int at, const ValueTaker *taker)
{
	int			list = is_word(sql, at, "into") ? match_ours(sql, at + 1, taker->name) : -1;
	int			number = taker->number;

	if (list < 0)
		return false;
	if (is_sign(sql, list, '('))
	{
		number = find_column(sql, list + 1, taker->value);
		while (!is_end(sql, list) && !is_sign(sql, list, ')'))
			list++;
		list++;
	}
	if (number > 0 && is_word(sql, list, "select"))
		return has_constant(sql, list + 1, number, NULL);
	if (number == 0 || !is_word(sql, list, "values"))
		return false;
	do
	{
		list++;
		if (is_sign(sql, list, '(') && has_constant(sql, list + 1, number, NULL))
			return true;
		while (!is_end(sql, list) && !is_sign(sql, list, ')'))
			list = skip_expression(sql, is_sign(sql, list, '(') || is_sign(sql, list, ',') ? list + 1 : list);
		list++;
	} while (is_sign(sql, list, ','));
	return false;
}

/* ---- passwords ---- */

static bool
is_verifier(const char *password)
{
	return strncmp(password, "SCRAM-SHA-256$", 14) == 0 || (strncmp(password, "md5", 3) == 0 && strlen(password) == 35);
}

/* PASSWORD 'x'; not %L, which format() fills in. */
static bool
is_password(const Sql *sql, int at)
{
	char	   *password;

	if (!is_word(sql, at, "password") || !is_full_literal(sql, at + 1))
		return false;
	password = read_literal(sql, at + 1);
	return password[0] != '%' && !is_verifier(password);
}

/* host=... password=x */
static bool
is_conninfo(const char *text)
{
	for (const char *at = strstr(text, "password="); at; at = strstr(at + 1, "password="))
	{
		char		next = at[9] == '\'' ? at[10] : at[9];

		if (next != '\0' && strchr(" '\"%$&", next) == NULL)
			return true;
	}
	return false;
}

/* ---- all of it ---- */

static bool
takes_constant(const Sql *sql, int at, const ValueTaker *taker)
{
	Sql			part = *sql;

	part.n = Min(part.n, at + MOST_OF_A_CALL);
	return taker->is_relation ? inserts_constant(&part, at, taker) : calls_with_constant(&part, at, taker);
}

static char *
find(const char *text, const ValueTaker *takers, int ntakers, int depth)
{
	Sql			sql;

	check_stack_depth();
	read_sql(text, strlen(text), &sql);
	for (int at = 0; !is_end(&sql, at); at++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < ntakers; i++)
			if (takes_constant(&sql, at, &takers[i]))
				return psprintf("secrets.%s%s", takers[i].name, takers[i].is_relation ? "" : "()");
		if (is_password(&sql, at))
			return pstrdup("PASSWORD");
		if (is_literal(&sql, at) && depth < DEEPEST)
		{
			char	   *inner = read_literal(&sql, at);
			char	   *found = is_conninfo(inner) ? pstrdup("password=") : find(inner, takers, ntakers, depth + 1);

			if (found)
				return found;
		}
	}
	return NULL;
}

/* Most texts name nothing of this. */
static bool
may_have_any(const char *sql)
{
	return strcasestr(sql, "secrets") || strcasestr(sql, "password");
}

/* What is read is far more than what is found. */
typedef struct Room
{
	MemoryContext before;
	MemoryContext context;
} Room;

static Room
enter(void)
{
	Room		room = {.context = AllocSetContextCreate(CurrentMemoryContext, "secrets, a text that is read", ALLOCSET_DEFAULT_SIZES)};

	room.before = MemoryContextSwitchTo(room.context);
	return room;
}

static char *
leave(Room room, const char *found)
{
	char	   *kept;

	MemoryContextSwitchTo(room.before);
	kept = found ? pstrdup(found) : NULL;
	MemoryContextDelete(room.context);
	return kept;
}

char *
literal_find(const char *sql, const ValueTaker *takers, int ntakers)
{
	Room		room;

	if (!may_have_any(sql))
		return NULL;
	room = enter();
	return leave(room, find(sql, takers, ntakers, 0));
}

static char *
find_call(const char *text, bool (*is_wanted) (const char *function), int depth)
{
	Sql			sql;

	check_stack_depth();
	read_sql(text, strlen(text), &sql);
	for (int at = 0; !is_end(&sql, at); at++)
	{
		char	   *found = NULL;

		if (is_word(&sql, at, "secrets") && is_sign(&sql, at + 1, '.') && is_name(&sql, at + 2) && is_sign(&sql, at + 3, '('))
		{
			const Token *name = &sql.tokens[at + 2];

			found = pnstrdup(text + name->inner_from, name->inner_to - name->inner_from);
			for (char *c = found; *c && name->kind == TOKEN_NAME; c++)
				*c = byte_to_lower(*c);
			if (!is_wanted(found))
				found = NULL;
		}
		else if (is_literal(&sql, at) && depth < DEEPEST)
			found = find_call(read_literal(&sql, at), is_wanted, depth + 1);
		if (found)
			return found;
	}
	return NULL;
}

char *
literal_find_call(const char *sql, bool (*is_wanted) (const char *function))
{
	Room		room;

	if (!strcasestr(sql, "secrets"))
		return NULL;
	room = enter();
	return leave(room, find_call(sql, is_wanted, 0));
}
