/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of sasl.c share; nobody else includes it. */
#pragma once

#include "sasl.h"

struct sasl_ops {
	/* NULL where nothing is to be prepared. -EINVAL, -EOPNOTSUPP, -ENOMEM. */
	int (*begin)(struct sasl *s, bool server_has_plus);
	/* CHALLENGE is NULL for the initial response. */
	int (*step)(struct sasl *s, const char *challenge, size_t len, struct buf *response);
	void (*end)(struct sasl *s); /* wipes and frees s->state; may be NULL */
};

struct sasl {
	const struct sasl_mechanism *mechanism;
	const struct sasl_account *account;
	unsigned stage; /* how many messages were made; meaning as each mechanism says */
	bool is_complete;
	struct buf error;
	void *state; /* of the ops */
};

extern const struct sasl_ops sasl_scram_ops;
enum sasl_scram_variant { SASL_SHA1, SASL_SHA256 };

/* Notes why and returns -EPROTO. */
int sasl_fail(struct sasl *s, const char *format, ...) _printf_(2, 3);

/* Appends TEXT prepared as RFC 4013/8265 demand; printable ASCII stays as it is. -EINVAL, -ENOMEM. */
int sasl_prepare(const char *text, struct buf *b);
