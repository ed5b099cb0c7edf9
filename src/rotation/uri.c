/*
 * rotation/uri.c
 */
#include "rotation/uri.h"

#include <stdint.h>
#include <string.h>

typedef struct Writer
{
	char	   *out;
	size_t		size;
	size_t		len;
	bool		fits;
} Writer;

static void
add(Writer *writer, const char *bytes, size_t len)
{
	if (!writer->fits || len > writer->size - writer->len)
	{
		writer->fits = false;
		return;
	}
	memcpy(writer->out + writer->len, bytes, len);
	writer->len += len;
}

/* RFC 3986: what is unreserved stands for itself. */
static bool
is_unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
		|| c == '-' || c == '.' || c == '_' || c == '~';
}

static void
add_encoded(Writer *writer, const char *text, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) text[i];
		char		escape[3] = {'%', digits[c >> 4], digits[c & 15]};

		if (is_unreserved(c))
			add(writer, (const char *) &text[i], 1);
		else
			add(writer, escape, 3);
	}
}

static const char *
find(const char *from, const char *end, char c)
{
	const char *found = from < end ? memchr(from, c, (size_t) (end - from)) : NULL;

	return found ? found : end;
}

/* The end of host and port: a path, parameters or a fragment begins there. */
static const char *
authority_end(const char *from, const char *end)
{
	while (from < end && *from != '/' && *from != '?' && *from != '#')
		from++;
	return from;
}

/* Passwords with a bare @ in them are met: the last one before the host counts. */
static const char *
find_last_at(const char *from, const char *end)
{
	const char *last = NULL;

	for (const char *p = from; p < end; p++)
		if (*p == '@')
			last = p;
	return last;
}

static bool
begins_with(const char *text, const char *end, const char *word)
{
	size_t		len = strlen(word);

	return (size_t) (end - text) >= len && memcmp(text, word, len) == 0;
}

/* a=b&user=x&c=d, parameter by parameter. */
static void
add_parameters(Writer *writer, const char *from, const char *end, const char *user, const char *password, size_t password_len)
{
	while (from < end)
	{
		const char *next = find(from, end, '&');

		if (user && begins_with(from, next, "user="))
		{
			add(writer, "user=", 5);
			add_encoded(writer, user, strlen(user));
		}
		else if (begins_with(from, next, "password="))
		{
			add(writer, "password=", 9);
			add_encoded(writer, password, password_len);
		}
		else
			add(writer, from, (size_t) (next - from));
		if (next < end)
			add(writer, next, 1);
		from = next < end ? next + 1 : end;
	}
}

static bool
is_scheme(const char *from, const char *end)
{
	if (from == end)
		return false;
	for (; from < end; from++)
		if (!is_unreserved((unsigned char) *from) && *from != '+')
			return false;
	return true;
}

bool
uri_replace(const char *uri, size_t len, const char *user, const char *password, size_t password_len,
			char *out, size_t size, size_t *outlen)
{
	const char *end = uri + len;
	const char *colon = find(uri, end, ':');
	const char *start = colon + 3;
	const char *stop;
	const char *at;
	const char *query;
	const char *fragment;
	Writer		writer = {.out = out,.size = size,.fits = true};

	if (!begins_with(colon, end, "://") || !is_scheme(uri, colon))
		return false;
	stop = authority_end(start, end);
	at = find_last_at(start, stop);
	/* A password with a bare / in it: what is behind would be left standing. */
	if (at == NULL && find_last_at(stop, find(stop, find(stop, end, '#'), '?')) != NULL)
		return false;
	add(&writer, uri, (size_t) (start - uri));
	if (user)
		add_encoded(&writer, user, strlen(user));
	else if (at)
		add(&writer, start, (size_t) (find(start, at, ':') - start));
	add(&writer, ":", 1);
	add_encoded(&writer, password, password_len);
	add(&writer, "@", 1);
	start = at ? at + 1 : start;
	fragment = find(start, end, '#');
	query = find(start, fragment, '?');
	add(&writer, start, (size_t) (query - start));
	if (query < fragment)
	{
		add(&writer, "?", 1);
		add_parameters(&writer, query + 1, fragment, user, password, password_len);
	}
	add(&writer, fragment, (size_t) (end - fragment));
	*outlen = writer.len;
	return writer.fits;
}
