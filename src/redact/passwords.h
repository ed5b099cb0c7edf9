/*
 * redact/passwords.h: PASSWORD '...' of roles and user mappings, and connection
 * strings that have a password.  Plain C.
 */
#ifndef SECRETS_REDACT_PASSWORDS_H
#define SECRETS_REDACT_PASSWORDS_H

#include "redact/cover.h"

extern void passwords_cover(Cover *cover);
extern bool passwords_are_in(const char *text, size_t len);

/*
 * The same in what quotes a setting as it is, '... changed to "host=db password=x"':
 * to the end, for nothing says where in it that ends.
 */
extern bool passwords_cover_setting(char *text, size_t len);

#endif
