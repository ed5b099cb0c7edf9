/*
 * kv/json.c: a cursor over JSON text, and what can be done with one.
 *
 * Every function that reads expects text that json_check_object() has
 * accepted; only parse_value() and what it calls meet strangers.
 *
 * Keys are compared as they read, not as they are written: "a" and "\u0061"
 * are one key.
 */
#include "kv/json.h"

#include <stdint.h>
#include <string.h>

typedef struct Cursor
{
	const char *at;
	const char *end;
	size_t		members;		/* passed by so far, at whatever depth */
} Cursor;

/* A member of an object: both as written, the key with its quotes. */
typedef struct Member
{
	JsonText	key;
	JsonText	value;
} Member;

typedef struct Writer
{
	char	   *at;
} Writer;

void		(*json_interrupt) (void) = NULL;

static bool parse_value(Cursor *c, int depth);

static void
skip_space(Cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
		c->at++;
}

static bool
accept(Cursor *c, char wanted)
{
	if (c->at >= c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

static bool
accept_word(Cursor *c, const char *word)
{
	size_t		n = strlen(word);

	if ((size_t) (c->end - c->at) < n || memcmp(c->at, word, n) != 0)
		return false;
	c->at += n;
	return true;
}

static int
hex_value(char d)
{
	if (d >= '0' && d <= '9')
		return d - '0';
	if (d >= 'a' && d <= 'f')
		return d - 'a' + 10;
	if (d >= 'A' && d <= 'F')
		return d - 'A' + 10;
	return -1;
}

/* Four hex digits, or -1. */
static int
read_hex4(Cursor *c)
{
	int			n = 0;

	if (c->end - c->at < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		int			d = hex_value(*c->at++);

		if (d < 0)
			return -1;
		n = n << 4 | d;
	}
	return n;
}

static bool
parse_string(Cursor *c)
{
	if (!accept(c, '"'))
		return false;
	while (c->at < c->end)
	{
		char		ch = *c->at++;

		if (ch == '"')
			return true;
		if ((unsigned char) ch < 0x20)
			return false;
		if (ch != '\\')
			continue;
		if (c->at >= c->end)
			return false;
		ch = *c->at++;
		if (ch == 'u')
		{
			if (read_hex4(c) < 0)
				return false;
		}
		else if (ch == '\0' || strchr("\"\\/bfnrt", ch) == NULL)
			return false;
	}
	return false;
}

static bool
parse_digits(Cursor *c)
{
	const char *start = c->at;

	while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
		c->at++;
	return c->at > start;
}

static bool
parse_number(Cursor *c)
{
	accept(c, '-');
	if (!accept(c, '0') && !parse_digits(c))
		return false;
	if (accept(c, '.') && !parse_digits(c))
		return false;
	if (accept(c, 'e') || accept(c, 'E'))
	{
		if (!accept(c, '+'))
			accept(c, '-');
		return parse_digits(c);
	}
	return true;
}

/* What stands between the brackets of an object or an array. */
static bool
parse_items(Cursor *c, char close, bool keyed, int depth)
{
	skip_space(c);
	if (accept(c, close))
		return true;
	for (;;)
	{
		skip_space(c);
		if (keyed)
		{
			if (!parse_string(c))
				return false;
			skip_space(c);
			if (!accept(c, ':'))
				return false;
			c->members++;
		}
		if (!parse_value(c, depth + 1))
			return false;
		skip_space(c);
		if (accept(c, close))
			return true;
		if (!accept(c, ','))
			return false;
	}
}

static bool
parse_value(Cursor *c, int depth)
{
	if (depth > JSON_MAX_DEPTH)
		return false;
	skip_space(c);
	if (c->at >= c->end)
		return false;
	switch (*c->at)
	{
		case '{':
			c->at++;
			return parse_items(c, '}', true, depth);
		case '[':
			c->at++;
			return parse_items(c, ']', false, depth);
		case '"':
			return parse_string(c);
		case 't':
			return accept_word(c, "true");
		case 'f':
			return accept_word(c, "false");
		case 'n':
			return accept_word(c, "null");
		default:
			return parse_number(c);
	}
}

static Cursor
at_start_of(JsonText text)
{
	Cursor		c = {.at = text.data,.end = text.data + text.len};

	return c;
}

static JsonResult
check_object(JsonText text, size_t *members)
{
	Cursor		c = at_start_of(text);
	bool		object;

	skip_space(&c);
	object = c.at < c.end && *c.at == '{';
	if (!parse_value(&c, 1))
		return JSON_INVALID;
	skip_space(&c);
	if (c.at != c.end)
		return JSON_INVALID;
	*members = c.members;
	return object ? JSON_OK : JSON_NOT_OBJECT;
}

JsonResult
json_check_object(JsonText text)
{
	size_t		members;

	return check_object(text, &members);
}

/* ---- from here on: text that has been checked ---- */

static JsonText
next_value(Cursor *c)
{
	JsonText	value;

	skip_space(c);
	value.data = c->at;
	(void) parse_value(c, 1);
	value.len = (size_t) (c->at - value.data);
	return value;
}

/* Opens an object for next_member(). */
static Cursor
enter_object(JsonText text)
{
	Cursor		c = at_start_of(text);

	skip_space(&c);
	accept(&c, '{');
	return c;
}

static bool
next_member(Cursor *c, Member *m)
{
	if (json_interrupt)
		json_interrupt();
	skip_space(c);
	accept(c, ',');
	skip_space(c);
	if (c->at >= c->end || *c->at == '}')
		return false;
	m->key = next_value(c);
	skip_space(c);
	accept(c, ':');
	m->value = next_value(c);
	return true;
}

static bool
is_object(JsonText value)
{
	return value.len > 0 && value.data[0] == '{';
}

static bool
is_null(JsonText value)
{
	return value.len == 4 && memcmp(value.data, "null", 4) == 0;
}

static void
put_utf8(Writer *w, uint32_t u)
{
	if (u < 0x80)
		*w->at++ = (char) u;
	else if (u < 0x800)
	{
		*w->at++ = (char) (0xc0 | u >> 6);
		*w->at++ = (char) (0x80 | (u & 63));
	}
	else if (u < 0x10000)
	{
		*w->at++ = (char) (0xe0 | u >> 12);
		*w->at++ = (char) (0x80 | (u >> 6 & 63));
		*w->at++ = (char) (0x80 | (u & 63));
	}
	else
	{
		*w->at++ = (char) (0xf0 | u >> 18);
		*w->at++ = (char) (0x80 | (u >> 12 & 63));
		*w->at++ = (char) (0x80 | (u >> 6 & 63));
		*w->at++ = (char) (0x80 | (u & 63));
	}
}

/* The next character of a string's inside: a code point, or one raw byte. */
typedef struct Character
{
	uint32_t	code;
	bool		raw;			/* a byte that stands for itself, part of a sequence perhaps */
	bool		bad;			/* \u0000 or half a surrogate pair */
} Character;

static Character
next_character(Cursor *c)
{
	static const char escapes[] = "\"\\/bfnrt";
	static const char meaning[] = "\"\\/\b\f\n\r\t";
	Character	ch = {0};
	char		e;

	if (*c->at != '\\')
	{
		ch.code = (unsigned char) *c->at++;
		ch.raw = true;
		return ch;
	}
	c->at++;
	e = *c->at++;
	if (e != 'u')
	{
		ch.code = (unsigned char) meaning[strchr(escapes, e) - escapes];
		return ch;
	}
	ch.code = (uint32_t) read_hex4(c);
	if (ch.code >= 0xd800 && ch.code < 0xdc00 && c->end - c->at >= 6 && c->at[0] == '\\' && c->at[1] == 'u')
	{
		Cursor		low = {.at = c->at + 2,.end = c->end};
		int			n = read_hex4(&low);

		if (n >= 0xdc00 && n < 0xe000)
		{
			ch.code = 0x10000 + ((ch.code - 0xd800) << 10) + ((uint32_t) n - 0xdc00);
			c->at = low.at;
		}
	}
	ch.bad = ch.code == 0 || (ch.code >= 0xd800 && ch.code < 0xe000);
	return ch;
}

/* The inside of a quoted string. */
static Cursor
inside(JsonText quoted)
{
	Cursor		c = {.at = quoted.data + 1,.end = quoted.data + quoted.len - 1};

	return c;
}

static JsonResult
unescape(JsonText quoted, char *out, size_t *outlen)
{
	Cursor		c = inside(quoted);
	Writer		w = {out};

	while (c.at < c.end)
	{
		Character	ch = next_character(&c);

		if (ch.bad)
			return JSON_UNTRANSLATABLE;
		if (ch.raw)
			*w.at++ = (char) ch.code;
		else
			put_utf8(&w, ch.code);
	}
	*outlen = (size_t) (w.at - out);
	return JSON_OK;
}

/* A reader of a key's bytes, whether written plainly or with escapes. */
typedef struct KeyReader
{
	Cursor		c;
	bool		quoted;
	char		pending[4];
	int			npending;
	int			next;
} KeyReader;

static KeyReader
read_quoted(JsonText quoted)
{
	KeyReader	r = {.c = inside(quoted),.quoted = true};

	return r;
}

static KeyReader
read_plain(JsonText plain)
{
	KeyReader	r = {.c = at_start_of(plain)};

	return r;
}

/* The next byte, -1 at the end, -2 for what is no character (equal only to the like). */
static int
next_byte(KeyReader *r)
{
	Character	ch;
	Writer		w;

	if (r->next < r->npending)
		return (unsigned char) r->pending[r->next++];
	if (r->c.at >= r->c.end)
		return -1;
	if (!r->quoted)
		return (unsigned char) *r->c.at++;
	ch = next_character(&r->c);
	if (ch.raw)
		return (int) ch.code;
	if (ch.bad)
		return -2 - (int) ch.code;
	w.at = r->pending;
	put_utf8(&w, ch.code);
	r->npending = (int) (w.at - r->pending);
	r->next = 1;
	return (unsigned char) r->pending[0];
}

static bool
same_key(KeyReader a, KeyReader b)
{
	for (;;)
	{
		int			x = next_byte(&a);
		int			y = next_byte(&b);

		if (x != y)
			return false;
		if (x == -1)
			return true;
	}
}

/* The last member of that key, as every reader of JSON in PostgreSQL takes it. */
static bool
find_member(JsonText object, KeyReader key, Member *found)
{
	Cursor		c = enter_object(object);
	Member		m;
	bool		any = false;

	while (next_member(&c, &m))
	{
		if (same_key(read_quoted(m.key), key))
		{
			*found = m;
			any = true;
		}
	}
	return any;
}

JsonResult
json_get_field(JsonText text, JsonText key, char *out, size_t *outlen)
{
	JsonResult	result = json_check_object(text);
	Member		m;

	if (result != JSON_OK)
		return result;
	if (!find_member(text, read_plain(key), &m))
		return JSON_NO_FIELD;
	if (is_null(m.value))
		return JSON_NULL_FIELD;
	if (m.value.data[0] == '"')
		return unescape(m.value, out, outlen);
	memcpy(out, m.value.data, m.value.len);
	*outlen = m.value.len;
	return JSON_OK;
}

static void
put_raw(Writer *w, const char *data, size_t len)
{
	memcpy(w->at, data, len);
	w->at += len;
}

static void
put_key(Writer *w, JsonText key, bool *first)
{
	if (!*first)
		put_raw(w, ",", 1);
	*first = false;
	put_raw(w, key.data, key.len);
	put_raw(w, ":", 1);
}

static void put_patched(Writer *w, JsonText target, JsonText changes);

/* A value that a patch sets: an object loses its nulls, as RFC 7396 has it. */
static void
put_new(Writer *w, JsonText value)
{
	static const JsonText empty = {"{}", 2};

	if (is_object(value))
		put_patched(w, empty, value);
	else
		put_raw(w, value.data, value.len);
}

/* A key that comes twice in one object counts once, where it last stands. */
static bool
is_last_of_its_key(const Cursor *rest, JsonText key)
{
	Cursor		c = *rest;
	Member		m;

	while (next_member(&c, &m))
		if (same_key(read_quoted(m.key), read_quoted(key)))
			return false;
	return true;
}

static void
put_patched(Writer *w, JsonText target, JsonText changes)
{
	Cursor		c = enter_object(target);
	Member		m;
	Member		change;
	bool		first = true;

	put_raw(w, "{", 1);
	while (next_member(&c, &m))
	{
		if (!is_last_of_its_key(&c, m.key))
			continue;
		if (!find_member(changes, read_quoted(m.key), &change))
		{
			put_key(w, m.key, &first);
			put_raw(w, m.value.data, m.value.len);
		}
		else if (!is_null(change.value))
		{
			put_key(w, m.key, &first);
			if (is_object(m.value) && is_object(change.value))
				put_patched(w, m.value, change.value);
			else
				put_new(w, change.value);
		}
	}

	c = enter_object(changes);
	while (next_member(&c, &change))
	{
		if (is_null(change.value)
			|| !is_last_of_its_key(&c, change.key)
			|| find_member(target, read_quoted(change.key), &m))
			continue;
		put_key(w, change.key, &first);
		put_new(w, change.value);
	}
	put_raw(w, "}", 1);
}

JsonResult
json_merge_patch(JsonText target, JsonText changes, char *out, size_t *outlen)
{
	JsonResult	result;
	Writer		w = {out};
	size_t		old_members;
	size_t		new_members;

	if ((result = check_object(target, &old_members)) != JSON_OK)
		return result;
	if ((result = check_object(changes, &new_members)) != JSON_OK)
		return result;
	if ((old_members + new_members) > JSON_MAX_WORK / (target.len + changes.len))
		return JSON_TOO_LARGE;
	put_patched(&w, target, changes);
	*outlen = (size_t) (w.at - out);
	return JSON_OK;
}
