/*
 * rotation/uri.h: user and password inside a connection URI.  Plain C.
 */
#ifndef SECRETS_ROTATION_URI_H
#define SECRETS_ROTATION_URI_H

#include <stdbool.h>
#include <stddef.h>

/*
 * scheme://[user[:password]@]rest with that user and password, percent-encoded,
 * and the same rest.  user NULL: the one that is there stays.  Members user and
 * password among the parameters behind a "?" are replaced as well, for they
 * would win.  False: it is no URI, or not clear where its host begins, or out (size bytes) is too small; out has
 * room in any case with len + 6 * (length of user + password) + 64 bytes.
 */
extern bool uri_replace(const char *uri, size_t len, const char *user, const char *password, size_t password_len,
						char *out, size_t size, size_t *outlen);

#endif
