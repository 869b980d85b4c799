-- Whether the OpenID provider may sign in the person of an account, and who that is there, as
-- "SUBJECT ISSUER": see docs/access.md.
-- unless column account.sso
ALTER TABLE account
    ADD COLUMN sso TINYINT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN identity VARCHAR(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '';
