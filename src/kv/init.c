/*
 * kv/init.c
 */
#include "postgres.h"

#include "miscadmin.h"

#include "kv/json.h"
#include "kv/kv.h"

static void
be_interruptible(void)
{
	CHECK_FOR_INTERRUPTS();
}

void
kv_init(void)
{
	json_interrupt = be_interruptible;
	value_init();
}
