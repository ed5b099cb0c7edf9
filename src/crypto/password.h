/*
 * crypto/password.h: passwords by classes of characters, unbiased.
 */
#ifndef SECRETS_CRYPTO_PASSWORD_H
#define SECRETS_CRYPTO_PASSWORD_H

#include "crypto/crypto.h"

#define PASSWORD_MAX_LEN 4096

typedef enum PasswordClass
{
	PASSWORD_LOWER = 1,
	PASSWORD_UPPER = 2,
	PASSWORD_DIGIT = 4,
	PASSWORD_SYMBOL = 8,		/* - . _ ~ : safe in a URL and in a connection string */
	PASSWORD_PUNCTUATION = 16	/* what is left of printable ASCII but the blank */
} PasswordClass;

#define PASSWORD_DEFAULT (PASSWORD_LOWER | PASSWORD_UPPER | PASSWORD_DIGIT | PASSWORD_SYMBOL)

typedef enum PasswordResult
{
	PASSWORD_OK = 0,
	PASSWORD_BAD_LENGTH,		/* not 1 to PASSWORD_MAX_LEN, or shorter than there are classes */
	PASSWORD_EMPTY_CLASS,		/* everything in a wanted class is excluded */
	PASSWORD_BROKEN				/* no randomness */
} PasswordResult;

/* The class of that name ("lower", "upper", "digit", "symbol", "punctuation"), or 0. */
extern int	password_class(const char *name, size_t len);

/*
 * Writes length characters (no terminator) to out.  Each wanted class occurs
 * at least once, and every password for which that holds is equally likely.
 */
extern PasswordResult password_generate(size_t length, int classes, const char *exclude, size_t nexclude,
										char *out);

#endif
