/*
 * base/refuse.c
 */
#include "postgres.h"

#include "base/refuse.h"

void
refuse_null(const char *argument)
{
	REFUSE(ERRCODE_NULL_VALUE_NOT_ALLOWED,
		   errmsg("%s must not be null", argument));
}

void
refuse_crypto(void)
{
	REFUSE(ERRCODE_SYSTEM_ERROR,
		   errmsg("the cryptographic library failed"),
		   errdetail("Nothing was read or written."),
		   errhint("Look for what OpenSSL is configured to load (openssl.cnf), and for memory."));
}

ErrorContextCallback *
hush(void)
{
	ErrorContextCallback *callbacks = error_context_stack;

	error_context_stack = NULL;
	return callbacks;
}

void
unhush(ErrorContextCallback *callbacks)
{
	error_context_stack = callbacks;
}

bool
error_ends_everything(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN
		|| error->sqlerrcode == ERRCODE_CRASH_SHUTDOWN;
}
