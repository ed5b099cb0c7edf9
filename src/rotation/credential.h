/*
 * rotation/credential.h: a password inside a value.
 *
 * A value is the password itself, as text; or a JSON object whose members are
 * username, password, host, port, dbname, uri, and whatever else there is, which
 * stays as it is.
 */
#ifndef SECRETS_ROTATION_CREDENTIAL_H
#define SECRETS_ROTATION_CREDENTIAL_H

#include "nodes/pg_list.h"

#include "kv/kv.h"

typedef struct Credential
{
	bool		is_json;
	SecretBuffer *password;		/* UTF-8, and a zero byte behind its end */
	char	   *username;		/* NULL: not said */
	char	   *host;
	char	   *port;
	char	   *dbname;
} Credential;

/* 55000, quoting nothing, for what is binary, or an object without a password. */
extern Credential credential_read(const Plain *plain);

/*
 * The same value with another password, and, in JSON, that username; a member
 * uri is refreshed: user and password in it are replaced, the rest stays.
 */
extern Plain credential_replace(const Plain *plain, const char *username, SecretBuffer *password);

/* A new password by the options length, exclude and classes; the buffer has a zero byte behind its end. */
typedef struct PasswordOptions
{
	int			length;
	char	   *exclude;
	List	   *classes;		/* NIL: the usual ones */
} PasswordOptions;

#define PASSWORD_OPTIONS_DEFAULT {.length = 32, .exclude = ""}

/* Three of a rotator's own: {"length", OPTION_INT, &p.length} and so on. */
#define PASSWORD_OPTION_ROWS(p) \
	{"length", OPTION_INT, &(p).length}, {"exclude", OPTION_TEXT, &(p).exclude}, {"classes", OPTION_TEXTS, &(p).classes}

extern SecretBuffer *credential_new_password(const PasswordOptions *options);

/* What a server keeps of a password: SCRAM-SHA-256$...  Nothing secret; palloc'd. */
extern char *credential_verifier(SecretBuffer *password);

/* Whether that, or what MD5 makes of it and the role's name, is of this password. */
extern bool credential_verifies(SecretBuffer *password, const char *role, const char *verifier);

#endif
