/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Header fields (RFC 5322, RFC 2047), bodies (RFC 2045) and the tree of parts (RFC 2046, RFC 2387). What a mail
 * says is decided in report.c; here nothing is known of hosts and checks. */
#include "mime.h"

#include "clock.h"
#include "text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define LINE_MAX_ASCII 78 /* RFC 5322, 2.1.1 */
#define LINE_MAX_ENCODED 76 /* RFC 2047, 2: a line that holds an encoded-word; RFC 2045, 6.7: quoted-printable */
#define WORD_MAX_ENCODED 75
#define ID_MAX 250
#define NAME_MAX_HEADER 64

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* Hands the error of PART, a temporary, on to B. */
static void take_error(struct buf *b, const struct buf *part)
{
	if (part->error && !b->error)
		b->error = part->error;
}

/* -- header fields -- */

/* Where in the line a field is being written. */
struct field {
	struct buf *b;
	size_t column;
	bool is_begun; /* something stands before, so a blank or a fold comes first */
};

static void field_fold(struct field *f)
{
	buf_puts(f->b, "\r\n ");
	f->column = 1;
	f->is_begun = false;
}

/* Ends the word before, when WIDTH columns are to follow within MAX. */
static void field_separate(struct field *f, size_t width, size_t max)
{
	if (f->column > 1 && f->column + f->is_begun + width > max)
		field_fold(f);
	if (f->is_begun) {
		buf_putc(f->b, ' ');
		f->column++;
	}
	f->is_begun = true;
}

static void field_word(struct field *f, const char *word, size_t len)
{
	field_separate(f, len, LINE_MAX_ASCII);
	buf_append(f->b, word, len);
	f->column += len;
}

/* What may stand for itself in a "Q" encoded-word, also inside a phrase (RFC 2047, 5 (3)). */
static bool is_plain_in_q(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c && strchr("!*+-/", c));
}

static size_t q_length(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == ' ' || is_plain_in_q(text[i]) ? 1 : 3;
	return n;
}

static size_t base64_length(const char *text, size_t len)
{
	return (len + 2) / 3 * 4;
}

static void put_q(struct buf *b, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == ' ')
			buf_putc(b, '_');
		else if (is_plain_in_q(text[i]))
			buf_putc(b, text[i]);
		else
			buf_printf(b, "=%02X", (unsigned char)text[i]);
	}
}

static void put_base64(struct buf *b, const char *text, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *t = (const unsigned char *)text;

	for (; len; t += len < 3 ? len : 3, len -= len < 3 ? len : 3) {
		unsigned group = (unsigned)t[0] << 16 | (len > 1 ? t[1] : 0U) << 8 | (len > 2 ? t[2] : 0U);
		char four[4] = { digits[group >> 18], digits[group >> 12 & 63], digits[group >> 6 & 63],
			digits[group & 63] };

		if (len < 3)
			four[3] = '=';
		if (len < 2)
			four[2] = '=';
		buf_append(b, four, sizeof(four));
	}
}

void mime_base64(struct buf *b, const void *data, size_t len)
{
	put_base64(b, data, len);
}

struct word_encoding {
	const char *opening;
	size_t (*length)(const char *text, size_t len);
	void (*put)(struct buf *b, const char *text, size_t len);
};

static const struct word_encoding encoding_q = { "=?UTF-8?Q?", q_length, put_q };
static const struct word_encoding encoding_b = { "=?UTF-8?B?", base64_length, put_base64 };

/* How many bytes of TEXT, whole characters only, fit into ROOM encoded columns. */
static size_t fitting(const struct word_encoding *e, const char *text, size_t len, size_t room)
{
	size_t n = 0;

	while (n < len) {
		size_t next = n + utf8_next(text + n, len - n, NULL);

		if (e->length(text, next) > room)
			break;
		n = next;
	}
	return n;
}

/* TEXT (valid UTF-8) as encoded-words, each complete by itself: the blanks between two of them are not part of the
 * text (RFC 2047, 6.2). */
static void field_encoded(struct field *f, const char *text, size_t len)
{
	const struct word_encoding *e = q_length(text, len) <= base64_length(text, len) ? &encoding_q : &encoding_b;
	const size_t frame = strlen(e->opening) + 2;

	while (len) {
		size_t before = f->column + f->is_begun + frame;
		size_t room = before < LINE_MAX_ENCODED ? LINE_MAX_ENCODED - before : 0;
		size_t n = fitting(e, text, len, room < WORD_MAX_ENCODED - frame ? room : WORD_MAX_ENCODED - frame);

		if (n == 0) {
			field_fold(f);
			continue;
		}
		field_separate(f, 0, LINE_MAX_ASCII);
		buf_puts(f->b, e->opening);
		e->put(f->b, text, n);
		buf_puts(f->b, "?=");
		f->column += frame + e->length(text, n);
		text += n;
		len -= n;
	}
}

static bool is_blank_in_header(uint32_t code)
{
	return code <= ' ' || (code >= 0x7f && code <= 0x9f) || code == 0x2028 || code == 0x2029;
}

/* VALUE as one line of words with single blanks between them: whatever could end a line or steer a reader is a
 * blank, what is not UTF-8 is U+FFFD. */
static void put_tidy(struct buf *b, const char *value)
{
	size_t left = strlen(value);
	bool blank = false;

	while (left) {
		uint32_t code = 0;
		size_t n = utf8_next(value, left, &code);

		if (n && is_blank_in_header(code)) {
			blank = true;
		} else {
			if (blank && b->len)
				buf_putc(b, ' ');
			blank = false;
			buf_append(b, n ? value : replacement, n ? n : strlen(replacement));
		}
		value += n ? n : 1;
		left -= n ? n : 1;
	}
}

/* Must the word be encoded? So that no decoder takes it for an encoded-word, and no line gets longer than it may,
 * also words that look like one or that cannot be folded. */
static bool word_needs_encoding(const char *word, size_t len)
{
	if (len > LINE_MAX_ENCODED || memmem(word, len, "=?", 2))
		return true;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)word[i] >= 0x80)
			return true;
	return false;
}

/* Text without structure: one run of encoded-words from the first word that needs it to the last, ASCII around it. */
static void field_text(struct field *f, const char *text)
{
	const char *first = NULL, *last = NULL;

	for (const char *word = text; *word; word += strspn(word, " ")) {
		size_t len = strcspn(word, " ");

		if (word_needs_encoding(word, len)) {
			if (!first)
				first = word;
			last = word + len;
		}
		word += len;
	}
	for (const char *word = text; *word; word += strspn(word, " ")) {
		size_t len = strcspn(word, " ");

		if (word == first) {
			len = (size_t)(last - first);
			field_encoded(f, word, len);
		} else {
			field_word(f, word, len);
		}
		word += len;
	}
}

void mime_header_value(struct buf *b, const char *name, const char *value)
{
	_cleanup_buf_ struct buf tidy = BUF(SIZE_MAX / 2);
	struct field f = { .b = b, .column = strlen(name) + 2 };

	put_tidy(&tidy, value);
	take_error(b, &tidy);
	field_text(&f, buf_text(&tidy));
}

static void put_header(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "%s: ", name);
	mime_header_value(b, name, value);
	buf_puts(b, "\r\n");
}

/* "<ID>" with everything in ID that is not allowed there replaced: ids come from host names. The same id always
 * gives the same, so threads hold. */
static void put_id(struct buf *b, const char *id)
{
	buf_putc(b, '<');
	for (size_t i = 0; id[i] && i < ID_MAX; i++)
		buf_putc(b, id[i] > ' ' && id[i] < 0x7f && !strchr("<>()[],;:\\\"", id[i]) ? id[i] : '_');
	buf_putc(b, '>');
}

static void put_id_header(struct buf *b, const char *name, const char *id)
{
	_cleanup_buf_ struct buf value = BUF(ID_MAX + 2);
	struct field f = { .b = b, .column = strlen(name) + 2 };

	put_id(&value, id);
	take_error(b, &value);
	buf_printf(b, "%s: ", name);
	field_word(&f, buf_text(&value), value.len);
	buf_puts(b, "\r\n");
}

void mime_date(struct buf *b, int64_t realtime_usec)
{
	/* strftime() would write them in the language of the locale. */
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
		"Nov", "Dec" };
	time_t seconds = (time_t)(realtime_usec / USEC_PER_SEC);
	struct tm tm = { .tm_mday = 1, .tm_year = 70, .tm_wday = 4 };

	localtime_r(&seconds, &tm);
	long minutes = labs(tm.tm_gmtoff) / 60;
	buf_printf(b, "%s, %d %s %04d %02d:%02d:%02d %c%02ld%02ld", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
		tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_gmtoff < 0 ? '-' : '+', minutes / 60,
		minutes % 60);
}

/* -- addresses -- */

/* A character beyond ASCII that RFC 6531 adds: its length, or 0. */
static size_t international_next(const char *text)
{
	uint32_t code;
	size_t n = utf8_next(text, strlen(text), &code);

	return n > 1 && !is_blank_in_header(code) ? n : 0;
}

static bool is_alnum_ascii(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Each returns the length of what stands at TEXT, 0 when it is not of the kind. */
static size_t scan_dot_atom(const char *text)
{
	size_t len = 0;

	for (;;) {
		size_t begin = len, n;

		while (text[len]) {
			if (is_alnum_ascii(text[len]) || strchr("!#$%&'*+-/=?^_`{|}~", text[len]))
				n = 1;
			else if ((n = international_next(text + len)) == 0)
				break;
			len += n;
		}
		if (len == begin)
			return 0;
		if (text[len] != '.')
			return len;
		len++;
	}
}

static size_t scan_quoted(const char *text)
{
	size_t len = 1;

	while (text[len] && text[len] != '"') {
		size_t n = text[len] >= ' ' && text[len] < 0x7f ? 1 : international_next(text + len);

		if (text[len] == '\\' && text[len + 1] >= ' ' && text[len + 1] < 0x7f)
			n = 2;
		else if (text[len] == '\\')
			n = 0;
		if (n == 0)
			return 0;
		len += n;
	}
	return text[len] == '"' ? len + 1 : 0;
}

static bool is_domain(const char *text)
{
	for (;;) {
		const char *label = text;
		size_t n;

		while (*text && *text != '.') {
			n = is_alnum_ascii(*text) || *text == '-' ? 1 : international_next(text);
			if (n == 0)
				return false;
			text += n;
		}
		if (text == label || text - label > 63 || *label == '-' || text[-1] == '-')
			return false;
		if (*text == '\0')
			return true;
		text++;
	}
}

static bool is_address_literal(const char *text)
{
	char inner[64];
	unsigned char ignored[sizeof(struct in6_addr)];
	size_t len = strlen(text);

	if (len < 3 || len - 2 >= sizeof(inner) || text[len - 1] != ']')
		return false;
	memcpy(inner, text + 1, len - 2);
	inner[len - 2] = '\0';
	if (strncasecmp(inner, "IPv6:", 5) == 0)
		return inet_pton(AF_INET6, inner + 5, ignored) == 1;
	return inet_pton(AF_INET, inner, ignored) == 1;
}

bool mime_is_address(const char *address)
{
	size_t local = *address == '"' ? scan_quoted(address) : scan_dot_atom(address);

	/* RFC 5321, 4.5.3.1.1 to 3: local part 64, domain 255, and 256 for a path with its brackets. */
	if (local == 0 || local > 64 || address[local] != '@' || strlen(address) > 254)
		return false;
	const char *domain = address + local + 1;
	return *domain == '[' ? is_address_literal(domain) : is_domain(domain);
}

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

static bool is_full_name(const char *host)
{
	return strchr(host, '.') && is_ascii(host) && is_domain(host);
}

const char *mime_id_domain(const char *host, const char *from)
{
	const char *at = strrchr(from, '@');

	return is_full_name(host) ? host : at && is_full_name(at + 1) ? at + 1 : "localhost";
}

static void put_from(struct buf *b, const char *address, const char *display_name)
{
	_cleanup_buf_ struct buf tidy = BUF(SIZE_MAX / 2), word = BUF(SIZE_MAX / 2);
	struct field f = { .b = b, .column = strlen("From: ") };

	put_tidy(&tidy, display_name ? display_name : "");
	text_quote(&word, buf_text(&tidy));
	buf_puts(b, "From: ");
	if (tidy.len == 0) {
		field_word(&f, address, strlen(address));
	} else {
		if (is_ascii(buf_text(&tidy)) && word.len <= 60 && !strstr(buf_text(&tidy), "=?"))
			field_word(&f, buf_text(&word), word.len);
		else
			field_encoded(&f, buf_text(&tidy), tidy.len);
		buf_clear(&word);
		buf_printf(&word, "<%s>", address);
		field_word(&f, buf_text(&word), word.len);
	}
	buf_puts(b, "\r\n");
	take_error(b, &tidy);
	take_error(b, &word);
}

static void put_to(struct buf *b, const char *const *addresses, size_t n)
{
	struct field f = { .b = b, .column = strlen("To: ") };

	buf_puts(b, "To: ");
	for (size_t i = 0; i < n; i++) {
		field_separate(&f, strlen(addresses[i]) + 1, LINE_MAX_ASCII);
		buf_puts(b, addresses[i]);
		f.column += strlen(addresses[i]);
		if (i + 1 < n) {
			buf_putc(b, ',');
			f.column++;
		}
	}
	buf_puts(b, "\r\n");
}

/* -- bodies -- */

/* TEXT as it is transferred before encoding: valid UTF-8, CRLF for each LF (and for CRLF), one at the end. */
static void put_canonical(struct buf *b, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		size_t n = utf8_next(text, left, NULL);

		if (n == 0)
			buf_puts(b, replacement);
		else if (*text == '\n')
			buf_puts(b, "\r\n");
		else if (*text != '\r' || left < 2 || text[1] != '\n')
			buf_append(b, text, n);
		text += n ? n : 1;
		left -= n ? n : 1;
	}
	if (b->len < 2 || memcmp(b->data + b->len - 2, "\r\n", 2) != 0)
		buf_puts(b, "\r\n");
}

/* May the byte at TEXT stand for itself in quoted-printable, in COLUMN? Blanks at the end of a line may be lost on
 * the way; "From " and "." at its begin are changed by mbox files and by careless relays. */
static bool is_plain_in_qp(const char *text, size_t column)
{
	if (*text == ' ' || *text == '\t')
		return text[1] != '\r';
	if (column == 0 && (*text == '.' || strncmp(text, "From ", 5) == 0))
		return false;
	return *text > ' ' && *text < 0x7f && *text != '=';
}

static void put_hex(struct buf *b, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(b, "=%02X", (unsigned char)text[i]);
}

/* TEXT is canonical. A character is never cut by a soft line break, so that a person can still read the source. */
static void put_quoted_printable(struct buf *b, const char *text, size_t len)
{
	size_t column = 0;

	while (len) {
		size_t n = utf8_next(text, len, NULL);

		if (*text == '\r' && len > 1 && text[1] == '\n') {
			buf_puts(b, "\r\n");
			column = 0;
			n = 2;
		} else {
			size_t width = is_plain_in_qp(text, column) ? 1 : 3 * n;
			bool is_last = len > n + 1 && text[n] == '\r' && text[n + 1] == '\n';

			if (column + width > LINE_MAX_ENCODED - (is_last ? 0U : 1U)) {
				buf_puts(b, "=\r\n");
				column = 0;
				continue;
			}
			if (width == 1)
				buf_putc(b, *text);
			else
				put_hex(b, text, n);
			column += width;
		}
		text += n;
		len -= n;
	}
}

static void put_base64_lines(struct buf *b, const char *data, size_t len)
{
	while (len) {
		size_t n = len < 57 ? len : 57; /* 76 columns */

		put_base64(b, data, n);
		buf_puts(b, "\r\n");
		data += n;
		len -= n;
	}
}

/* Quoted-printable even where base64 would be shorter: text in base64 looks to filters as if it had something to hide. */
static void put_text_part(struct buf *b, const char *type, const char *text)
{
	_cleanup_buf_ struct buf canonical = BUF(b->max);

	put_canonical(&canonical, text);
	take_error(b, &canonical);
	buf_printf(b, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", type);
	put_quoted_printable(b, buf_text(&canonical), canonical.len);
}

/* -- the tree of parts -- */

static bool is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_alnum_ascii(text[i]) && !strchr("!#$%&'*+-.^_`{|}~", text[i]))
			return false;
	return len > 0;
}

static bool is_media_type(const char *type)
{
	size_t slash = strcspn(type, "/");

	return strlen(type) <= 64 && type[slash] && is_token(type, slash) &&
		is_token(type + slash + 1, strlen(type + slash + 1));
}

static void put_image_part(struct buf *b, const struct mime_image *image)
{
	buf_printf(b, "Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: inline\r\n",
		is_media_type(image->type) ? image->type : "application/octet-stream");
	put_id_header(b, "Content-ID", image->cid);
	buf_puts(b, "\r\n");
	put_base64_lines(b, image->data, image->len);
}

/* A boundary cannot occur in any body: it begins with "=_", which neither encoding ever writes (in quoted-printable
 * "=" stands before a hex digit or a line end, base64 has no "_"). Two levels differ in the LEVEL letter, so that
 * none is the beginning of the other. */
static void format_boundary(char boundary[static 32], const char *message_id, char level)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (; *message_id; message_id++)
		hash = (hash ^ (unsigned char)*message_id) * UINT64_C(0x100000001b3);
	snprintf(boundary, 32, "=_%c%016llx", level, (unsigned long long)hash);
}

static void put_related(struct buf *b, const struct mime_mail *mail)
{
	char boundary[32];

	format_boundary(boundary, mail->message_id, 'r');
	buf_printf(b, "Content-Type: multipart/related; type=\"text/html\";\r\n boundary=\"%s\"\r\n\r\n--%s\r\n", boundary,
		boundary);
	put_text_part(b, "text/html", mail->html);
	for (size_t i = 0; i < mail->n_images; i++) {
		buf_printf(b, "\r\n--%s\r\n", boundary);
		put_image_part(b, &mail->images[i]);
	}
	buf_printf(b, "\r\n--%s--\r\n", boundary);
}

static void put_content(struct buf *b, const struct mime_mail *mail)
{
	char boundary[32];

	if (!mail->html) {
		put_text_part(b, "text/plain", mail->text);
		return;
	}
	format_boundary(boundary, mail->message_id, 'a');
	buf_printf(b, "Content-Type: multipart/alternative;\r\n boundary=\"%s\"\r\n\r\n--%s\r\n", boundary, boundary);
	put_text_part(b, "text/plain", mail->text);
	buf_printf(b, "\r\n--%s\r\n", boundary);
	if (mail->n_images)
		put_related(b, mail);
	else
		put_text_part(b, "text/html", mail->html);
	buf_printf(b, "\r\n--%s--\r\n", boundary);
}

static bool is_header_name(const char *name)
{
	/* Written here, or changing what is: never to be handed in. */
	static const char *const ours[] = { "Date", "From", "To", "Subject", "Message-ID", "In-Reply-To", "References",
		"MIME-Version" };
	size_t len = strlen(name);

	for (size_t i = 0; i < ELEMENTS(ours); i++)
		if (strcasecmp(name, ours[i]) == 0)
			return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] >= 0x7f || name[i] == ':')
			return false;
	return len > 0 && len <= NAME_MAX_HEADER && strncasecmp(name, "Content-", 8) != 0;
}

static int check_mail(const struct mime_mail *mail)
{
	if (mail->n_to == 0 || !mime_is_address(mail->from) || !*mail->message_id)
		return -EINVAL;
	for (size_t i = 0; i < mail->n_to; i++)
		if (!mime_is_address(mail->to[i]))
			return -EINVAL;
	for (size_t i = 0; i < mail->n_headers; i++) {
		if (!is_header_name(mail->headers[i].name))
			return -EINVAL;
		for (size_t j = 0; j < i; j++)
			if (strcasecmp(mail->headers[i].name, mail->headers[j].name) == 0)
				return -EINVAL;
	}
	return 0;
}

int mime_compose(struct buf *b, const struct mime_mail *mail)
{
	int r = check_mail(mail);

	if (r < 0)
		return r;
	buf_puts(b, "Date: ");
	mime_date(b, mail->date_usec);
	buf_puts(b, "\r\n");
	put_from(b, mail->from, mail->from_name);
	put_to(b, mail->to, mail->n_to);
	put_header(b, "Subject", mail->subject);
	put_id_header(b, "Message-ID", mail->message_id);
	if (mail->in_reply_to && *mail->in_reply_to) {
		put_id_header(b, "In-Reply-To", mail->in_reply_to);
		put_id_header(b, "References", mail->in_reply_to);
	}
	for (size_t i = 0; i < mail->n_headers; i++)
		put_header(b, mail->headers[i].name, mail->headers[i].value);
	buf_puts(b, "MIME-Version: 1.0\r\n");
	put_content(b, mail);
	return buf_error(b);
}
