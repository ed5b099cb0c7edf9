/*
 * rotation/remote.h: a login on another PostgreSQL server, and the one thing that
 * is done there.
 *
 * Whatever answers at the other end may be an impostor, a server that was taken
 * over, or slow: a password is proved by SCRAM and not sent (but for one case, see
 * remote_is_bound()), every wait has an end and gives way to interrupts, and what
 * it says is not repeated but in one short line without names and passwords.
 * Nothing of the environment, the service file or the files in the home of the
 * server's user plays a part, but for ~/.postgresql/root.crl, and root.crt where
 * no sslrootcert is given.
 *
 * A connection lives no longer than the (sub)transaction.  libpq's copies of the
 * password are not ours to wipe.  It looks names up by the C library, which gives
 * way to nobody: that part has the resolver's own timeout.
 */
#ifndef SECRETS_ROTATION_REMOTE_H
#define SECRETS_ROTATION_REMOTE_H

#include "base/buffer.h"

typedef struct RemotePlace
{
	const char *host;			/* "": the usual Unix socket */
	const char *port;
	const char *dbname;
	const char *sslmode;
	const char *sslrootcert;	/* NULL: as libpq has it */
} RemotePlace;

/* Whether sslmode is a word that libpq knows. */
extern bool remote_knows_sslmode(const char *sslmode);

/* Whether it is a directory with a Unix socket, not a host. */
extern bool remote_is_local(const RemotePlace *place);

/*
 * Whether the two ends prove to each other, over TLS, that they know the
 * password: by SCRAM bound to the server's certificate, so that neither an
 * impostor nor whoever relays learns or uses it.  Without, the server is whom
 * the network says that it is; and a libpq before 16, which knows no
 * require_auth, tells it the password where it asks for it in the clear.
 */
extern bool remote_is_bound(const RemotePlace *place);

/* Whether this libpq takes sslrootcert "system" for the certificates that the system trusts. */
extern bool remote_knows_system_roots(void);

typedef struct RemoteUser
{
	const char *what;			/* for messages: "the admin", "the role" */
	const char *name;
	SecretBuffer *password;		/* with a zero byte behind its end */
	bool		keeps_role;		/* as it is set up there it may be another after login (ALTER ROLE ... SET role) */
} RemoteUser;

typedef struct Remote Remote;

/*
 * NULL: that is not the password.  08006 where the server cannot be reached or
 * proves nothing, 55000 where it refuses, or asked for no password.  What is
 * pointed to stays until the connection is closed.
 */
extern Remote *remote_log_in(const RemotePlace *place, const RemoteUser *user);

/* The server hears of the verifier alone.  After an error it may have been done or not. */
extern void remote_set_verifier(Remote *remote, const char *role, const char *verifier);

extern void remote_close(Remote *remote);

#endif
