-- Who may call the API: see docs/access.md. Times in Unix milliseconds; secrets only as hashes.
CREATE TABLE IF NOT EXISTS account (
    id           BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    name         VARCHAR(64)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    password     VARCHAR(255)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    role         VARCHAR(16)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    tags         VARCHAR(2080) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    created_at   BIGINT        NOT NULL,
    signed_in_at BIGINT        NULL DEFAULT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY by_name (name)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS token (
    id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    name       VARCHAR(64)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    digest     CHAR(64)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    role       VARCHAR(16)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    tags       VARCHAR(2080) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    created_at BIGINT        NOT NULL,
    created_by VARCHAR(255)  NOT NULL DEFAULT '',
    expires_at BIGINT        NULL DEFAULT NULL,
    used_at    BIGINT        NULL DEFAULT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY by_name (name),
    UNIQUE KEY by_digest (digest)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS session (
    digest     CHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    account_id BIGINT UNSIGNED NOT NULL,
    created_at BIGINT       NOT NULL,
    used_at    BIGINT       NOT NULL,
    PRIMARY KEY (digest),
    KEY by_account (account_id),
    KEY by_use (used_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS access_event (
    id      BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    at      BIGINT       NOT NULL,
    what    VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    who     VARCHAR(255) NOT NULL,
    address VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    detail  VARCHAR(255) NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci;
