-- Fires with a run at every node: of each row the node to which its part of the fire belongs (docs/where.md).
-- alters log: a new column

-- unless column log.for_node
ALTER TABLE log ADD COLUMN for_node VARCHAR(255) NOT NULL DEFAULT '';
