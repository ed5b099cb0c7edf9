/*
 * base/jsonb.c
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "base/jsonb.h"

/* Twice over the same jsonb: without a place to write to it counts. */
typedef struct Writer
{
	char	   *out;			/* NULL: it counts */
	Size		len;
	bool		is_first;		/* no comma before what comes next */
	bool		is_scalar;		/* jsonb keeps a scalar as an array of one, and shows no brackets */
} Writer;

static void
put(Writer *w, const char *bytes, Size len)
{
	if (w->out)
		memcpy(w->out + w->len, bytes, len);
	w->len += len;
}

static void
put_word(Writer *w, const char *word)
{
	put(w, word, strlen(word));
}

static void
put_comma(Writer *w)
{
	if (!w->is_first)
		put_word(w, ", ");
}

static bool
stands_for_itself(char c)
{
	return (unsigned char) c >= ' ' && c != '"' && c != '\\';
}

static void
put_escape(Writer *w, char c)
{
	static const char digits[] = "0123456789abcdef";
	static const char escaped[] = "\b\f\n\r\t\"\\";
	static const char names[] = "bfnrt\"\\";
	const char *found = c ? strchr(escaped, c) : NULL;
	char		code[] = {'\\', 'u', '0', '0', digits[c >> 4 & 15], digits[c & 15]};
	char		name[] = {'\\', found ? names[found - escaped] : '\0'};

	if (found)
		put(w, name, sizeof(name));
	else
		put(w, code, sizeof(code));
}

static void
put_string(Writer *w, const char *string, int len)
{
	put_word(w, "\"");
	for (int at = 0; at < len;)
	{
		int			end = at;

		while (end < len && stands_for_itself(string[end]))
			end++;
		put(w, string + at, (Size) (end - at));
		at = end;
		if (at < len)
			put_escape(w, string[at++]);
	}
	put_word(w, "\"");
}

static void
put_number(Writer *w, Numeric number)
{
	char	   *digits = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));

	put_word(w, digits);
	explicit_bzero(digits, strlen(digits));
	pfree(digits);
}

static void
put_scalar(Writer *w, const JsonbValue *scalar)
{
	switch (scalar->type)
	{
		case jbvNull:
			put_word(w, "null");
			break;
		case jbvBool:
			put_word(w, scalar->val.boolean ? "true" : "false");
			break;
		case jbvNumeric:
			put_number(w, scalar->val.numeric);
			break;
		case jbvString:
			put_string(w, scalar->val.string.val, scalar->val.string.len);
			break;
		default:
			elog(ERROR, "unknown type of jsonb value");
	}
}

static void
put_token(Writer *w, JsonbIteratorToken token, const JsonbValue *value)
{
	switch (token)
	{
		case WJB_BEGIN_ARRAY:
			w->is_scalar = value->val.array.rawScalar;
			put_comma(w);
			put_word(w, w->is_scalar ? "" : "[");
			break;
		case WJB_BEGIN_OBJECT:
			put_comma(w);
			put_word(w, "{");
			break;
		case WJB_KEY:
			put_comma(w);
			put_scalar(w, value);
			put_word(w, ": ");
			break;
		case WJB_VALUE:
			put_scalar(w, value);
			break;
		case WJB_ELEM:
			put_comma(w);
			put_scalar(w, value);
			break;
		case WJB_END_ARRAY:
			put_word(w, w->is_scalar ? "" : "]");
			break;
		case WJB_END_OBJECT:
			put_word(w, "}");
			break;
		default:
			elog(ERROR, "unknown token of jsonb");
	}
	w->is_first = token == WJB_BEGIN_ARRAY || token == WJB_BEGIN_OBJECT || token == WJB_KEY;
}

static Size
write_text(const Jsonb *value, char *out)
{
	Writer		w = {.out = out,.is_first = true};
	JsonbIterator *it = JsonbIteratorInit(unconstify(JsonbContainer *, &value->root));
	JsonbIteratorToken token;
	JsonbValue	part;

	while ((token = JsonbIteratorNext(&it, &part, false)) != WJB_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		put_token(&w, token, &part);
	}
	return w.len;
}

Size
jsonb_text_len(const Jsonb *value)
{
	return write_text(value, NULL);
}

void
jsonb_write_text(const Jsonb *value, char *out)
{
	(void) write_text(value, out);
}
