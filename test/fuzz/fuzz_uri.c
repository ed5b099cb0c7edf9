/*
 * fuzz_uri.c: uri, user and password, parted by zero bytes.
 */
#include "property.h"

#include "rotation/uri.h"

/* Nothing of a password may stand for anything in a URI. */
static bool
is_encoded(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strchr(":/?#[]@!$&'()*+,;= \"", text[i]) != NULL)
			return false;
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *uri = (const char *) data;
	const char *end = uri + size;
	const char *user = memchr(uri, 0, size);
	const char *password = user ? memchr(user + 1, 0, (size_t) (end - user - 1)) : NULL;
	char	   *user_copy;
	char	   *out;
	size_t		uri_len;
	size_t		password_len;
	size_t		room;
	size_t		len = 0;

	if (password == NULL)
		return 0;
	uri_len = (size_t) (user - uri);
	user_copy = strdup(user + 1);
	password_len = (size_t) (end - password - 1);
	room = uri_len + 6 * (strlen(user_copy) + password_len) + 64;
	out = exact_room(room);
	if (uri_replace(uri, uri_len, user_copy, password + 1, password_len, out, room, &len))
	{
		const char *at;
		const char *colon;
		size_t		again_len = 0;
		char	   *again = exact_room(2 * room);

		PROPERTY(len <= room);
		/* scheme://user:password@..., with the scheme that was there. */
		colon = memchr(out, ':', len);
		PROPERTY(colon != NULL && memcmp(out, uri, (size_t) (colon - out) + 3) == 0);
		at = memchr(colon + 3, '@', len - (size_t) (colon + 3 - out));
		PROPERTY(at != NULL);
		colon = memchr(colon + 3, ':', (size_t) (at - colon - 3));
		PROPERTY(colon != NULL && is_encoded(colon + 1, (size_t) (at - colon - 1)));
		/* Done again it changes nothing. */
		PROPERTY(uri_replace(out, len, user_copy, password + 1, password_len, again, 2 * room, &again_len));
		PROPERTY(again_len == len && memcmp(out, again, len) == 0);
		free(again);
	}
	free(out);
	free(user_copy);
	return 0;
}
