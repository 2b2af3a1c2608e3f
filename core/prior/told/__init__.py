"""What the prior is told besides the sound: how lively a talker is, who performs, how the mouth moves."""
