-- What mod_sasl2_fast of Debian's prosody-modules of 2023-02 takes from a newer Prosody than Debian's 0.12.3.
local datetime = require "util.datetime";
local st = require "util.stanza";

-- Stanzas give the attribute of a child.
local methods = getmetatable(st.stanza("example")).__index;
if not methods.get_child_attr then
	function methods:get_child_attr(name, xmlns, attr)
		local child = self:get_child(name, xmlns);
		return child and child.attr[attr];
	end
end

-- Times with fractions of a second are written.
local write = datetime.datetime;
function datetime.datetime(time)
	return write(time and math.floor(time));
end

-- The attributes of the client's stream header come with the event that asks for features: without an
-- account in `from` no FAST is offered. This Prosody does not keep them; nothing but the presence of a
-- name is looked at, so any will do.
module:hook("stream-features", function (event)
	if event.origin.type == "c2s_unauthed" and not event.stream then
		event.stream = { from = "somebody@" .. module.host };
	end
end, 10001);
