
[Playlist]
file10=c
FILE2=b
nonsense
File=
Title7=t
