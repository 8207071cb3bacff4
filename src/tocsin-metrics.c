/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsin-metrics: writes the file that node_exporter reads, whole each time, because the daemon touches no disk. What is there
 * while it grows does not end in .prom, so that node_exporter does not look at it.
 * The daemon starts it with a socket as descriptor 3 (msg.h); nobody calls it by hand. */
#include "export-serve.h"
#include "replace.h"

#include <signal.h>
#include <string.h>

/* Not synchronised to the disk: after a power cut the next one is soon there. */
static bool write_metrics(const struct msg *m, struct buf *why)
{
	const char *what;
	int r = replace_file(m->field[0], m->field[2], strlen(m->field[2]), false, &what);

	if (r < 0)
		buf_printf(why, "%s cannot be written: %s", m->field[0], strerror(-r));
	return r == 0;
}

int main(void)
{
	signal(SIGXFSZ, SIG_IGN);
	return export_serve("tocsin-metrics", write_metrics);
}
