/*
 * redact/form.c
 */
#include <string.h>

#include "redact/form.h"
#include "redact/token.h"

#define MOST_NAME_LEN 512

static bool
is_name_byte(char c)
{
	return (byte_is(c, BYTE_NAME) && c != '$' && (unsigned char) c < 128) || (c != '\0' && strchr("._@+=-/", c));
}

static bool
is_segment(const char *segment, size_t len)
{
	return len > 0 && !(len == 1 && segment[0] == '.') && !(len == 2 && segment[0] == '.' && segment[1] == '.');
}

bool
form_is_name(const char *name, size_t len)
{
	size_t		from = 0;

	if (len > MOST_NAME_LEN)
		return false;
	for (size_t at = 0; at < len; at++)
	{
		if (!is_name_byte(name[at]))
			return false;
		if (name[at] == '/' && !is_segment(name + from, at - from))
			return false;
		if (name[at] == '/')
			from = at + 1;
	}
	return is_segment(name + from, len - from);
}
